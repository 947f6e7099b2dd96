import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Template, TemplateError } from "./types.ts";

const SUFFIX = ".template.json";

/** Reads every template of a cloud assembly, those of nested stages included. */
export function readAssembly(folder: string): Template[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(SUFFIX) && !file.split(/[\\/]/).some((part) => part.startsWith("asset.")))
    .sort();
  if (files.length === 0) throw new TemplateError(`no templates in ${folder}`);
  return files.map((file) => {
    const stack = basename(file, SUFFIX);
    const stackName = stackNames(join(folder, dirname(file))).get(basename(file)) ?? stack;
    return parseTemplate(stack, readFileSync(join(folder, file), "utf8"), stackName);
  });
}

interface Manifest {
  artifacts?: Record<string, { properties?: { templateFile?: string; stackName?: string } }>;
}

/** The names that stacks have in CloudFormation, by template file. */
function stackNames(folder: string): Map<string, string> {
  const file = join(folder, "manifest.json");
  if (!existsSync(file)) return new Map();
  const { artifacts = {} } = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  const stacks = Object.values(artifacts).flatMap(({ properties }) =>
    properties?.templateFile && properties.stackName ? [[properties.templateFile, properties.stackName] as const] : [],
  );
  return new Map(stacks);
}

/** One template from its JSON text. */
export function parseTemplate(stack: string, text: string, stackName = stack): Template {
  const raw = JSON.parse(text) as Record<string, Record<string, never>>;
  return {
    stack,
    stackName,
    parameters: raw.Parameters ?? {},
    mappings: raw.Mappings ?? {},
    conditions: raw.Conditions ?? {},
    resources: raw.Resources ?? {},
    outputs: raw.Outputs ?? {},
  };
}
