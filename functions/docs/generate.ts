import { existsSync, writeFileSync } from "node:fs";
import { openApiDocument } from "@weft/http/openapi";
import type { Route } from "@weft/http/route";
import { functions } from "../manifest.ts";

const root = new URL("../../", import.meta.url);
const target = new URL("openapi.json", import.meta.url);

/** The routes of every API function, from the `routes.ts` beside its entry. */
export async function allRoutes(): Promise<Route[]> {
  const files = functions
    .filter((spec) => spec.kind === "api")
    .map((spec) => new URL(spec.entry.replace(/index\.ts$/, "routes.ts"), root))
    .filter((file) => existsSync(file));
  const modules = await Promise.all(files.map((file) => import(file.href) as Promise<{ routes: readonly Route[] }>));
  return modules.flatMap((module) => [...module.routes]);
}

/** The API's OpenAPI document as the text that is committed. */
export async function generate(): Promise<string> {
  const document = openApiDocument(await allRoutes(), {
    title: "Weft",
    version: "1",
    description: "One backend for AI workflows, agents, knowledge and evaluation.",
  });
  return `${JSON.stringify(document, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(target, await generate());
