import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { allRoutes, generate } from "../../functions/docs/generate.ts";
import { functions } from "../../functions/manifest.ts";

const routes = await allRoutes();
const apis = functions.filter((spec) => spec.kind === "api");
const anonymous = apis.flatMap((spec) => ("anonymous" in spec ? [...spec.anonymous] : [])) as string[];
const below = apis.flatMap((spec) => ("anonymousBelow" in spec ? [...spec.anonymousBelow] : [])) as string[];
const isAnonymous = (path: string) =>
  anonymous.includes(path) || below.some((top) => path === top || path.startsWith(`${top}/`));

describe("the API's routes", () => {
  it("are as in the committed document (npm run openapi)", async () => {
    const committed = readFileSync(new URL("../../functions/docs/openapi.json", import.meta.url), "utf8");
    expect(committed).toBe(await generate());
  });

  it("have unique operation ids", () => {
    const ids = routes.map((route) => route.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("are public exactly where the manifest has no authorizer", () => {
    const open = new Set(routes.filter((route) => route.permission === "public").map((route) => route.path));
    const guarded = routes.filter((route) => route.permission !== "public" && isAnonymous(route.path));
    expect([...open].filter((path) => !isAnonymous(path))).toEqual([]);
    expect(guarded.map((route) => route.operationId)).toEqual([]);
  });

  it("refer only to components that the document has", () => {
    const text = readFileSync(new URL("../../functions/docs/openapi.json", import.meta.url), "utf8");
    const names = new Set(Object.keys(JSON.parse(text).components.schemas));
    const refs = [...text.matchAll(/"\$ref": "#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(refs.length).toBeGreaterThan(100);
    expect(refs.filter((name) => !names.has(name))).toEqual([]);
  });

  it("refuse unknown fields at every level of a body, where they are not another product's dialect", () => {
    const dialects = new Set(routes.filter((route) => route.unknownFields === "strip").map(({ path }) => path));
    const document = JSON.parse(readFileSync(new URL("../../functions/docs/openapi.json", import.meta.url), "utf8"));
    const open: string[] = [];
    const walk = (schema: unknown, where: string): void => {
      if (typeof schema !== "object" || schema === null) return;
      const { $ref, properties, additionalProperties } = schema as Record<string, unknown>;
      if (typeof $ref === "string") walk(document.components.schemas[$ref.split("/").at(-1) ?? ""], `${where}>${$ref}`);
      if (properties && additionalProperties === undefined) open.push(where);
      for (const [key, value] of Object.entries(schema)) walk(value, `${where}.${key}`);
    };
    for (const [path, item] of Object.entries<Record<string, Record<string, unknown>>>(document.paths)) {
      if (dialects.has(path)) continue;
      for (const [method, operation] of Object.entries(item)) walk(operation.requestBody, `${method} ${path}`);
    }
    expect(open).toEqual([]);
  });
});
