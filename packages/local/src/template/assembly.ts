import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Template, TemplateError } from "./types.ts";

const SUFFIX = ".template.json";

/** Reads every template of a cloud assembly, those of nested stages included. */
export function readAssembly(folder: string): Template[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(SUFFIX) && !file.split(/[\\/]/).some((part) => part.startsWith("asset.")))
    .sort();
  if (files.length === 0) throw new TemplateError(`no templates in ${folder}`);
  return files.map((file) => parseTemplate(basename(file, SUFFIX), readFileSync(join(folder, file), "utf8")));
}

/** One template from its JSON text. */
export function parseTemplate(stack: string, text: string): Template {
  const raw = JSON.parse(text) as Record<string, Record<string, never>>;
  return {
    stack,
    parameters: raw.Parameters ?? {},
    mappings: raw.Mappings ?? {},
    conditions: raw.Conditions ?? {},
    resources: raw.Resources ?? {},
    outputs: raw.Outputs ?? {},
  };
}
