import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { importsOf, type Source, sources } from "./sources.ts";

/** Which parts of the repository a part may import: the direction of the arrows, in one table. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  db: ["kernel"],
  storage: ["kernel"],
  http: ["kernel"],
  engine: ["kernel"],
  core: ["kernel", "db", "storage", "http", "engine"],
  adapters: ["kernel", "engine", "core"],
  functions: ["kernel", "db", "storage", "http", "engine", "core", "adapters"],
  infra: ["functions", "db"],
  local: ["kernel", "engine", "functions", "infra"],
};
/** What a part may name of another part, where that is not everything. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  "infra functions": ["functions/manifest.ts"],
  "infra db": ["@weft/db/indexes"],
  "local functions": ["functions/manifest.ts"],
  "local infra": ["infra/synth.ts"],
  "local engine": ["@weft/engine/expressions/jsonata"],
};
/** Packages from the registry, where a part is to stay free of the others. */
const LIBRARIES: Readonly<Record<string, RegExp>> = {
  kernel: /^(zod|ulid|node:crypto)$/,
  db: /^(zod|electrodb|node:crypto|@aws-sdk\/(client-dynamodb|lib-dynamodb))$/,
  storage: /^(zod|node:(crypto|stream)|@aws-sdk\/(client-s3|s3-request-presigner))$/,
  http: /^(zod|zod-openapi|aws-lambda|node:(crypto|events|stream)|@fastify\/busboy|@middy\/[\w/-]+|@aws-lambda-powertools\/\w+)$/i,
  engine:
    /^(zod|jsonata|@huggingface\/jinja|csv-parse\/sync|css-select|dom-serializer|domhandler|domutils|fflate|htmlparser2|luxon|markdown-it|re2js|saxes|yaml|node:(crypto|util|zlib))$/,
  core: /^(zod|electrodb|file-type|yaml|node:crypto)$/,
};
/** A domain imports only from those before it. */
const DOMAINS = [
  ["platform", "config", "jobs", "locks", "cache"],
  ["audit"],
  ["event"],
  ["identity"],
  ["file"],
  ["kv"],
  ["credential"],
  ["model"],
  ["billing"],
  ["variable"],
  ["prompt"],
  ["plugin"],
  ["knowledge"],
  ["database"],
  ["sql"],
  ["code"],
  ["workflow"],
  ["execution"],
  ["approval"],
  ["agent"],
  ["conversation"],
  ["app"],
  ["copy"],
  ["template"],
  ["dataset"],
  ["evaluator"],
  ["experiment"],
  ["trigger"],
  ["subscription"],
  ["admin"],
];

const code = sources(/^(packages|functions|infra)\/.*\.ts$/);

function partOf(path: string): string {
  const [top, second] = path.split("/");
  return top === "packages" ? (second as string) : (top as string);
}

/** An import as a path from the root where it is a relative one; `@weft/core/x` as `packages/core/src/x.ts`. */
function target(source: Source, specifier: string): string {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(source.path), specifier);
  const own = /^@weft\/([a-z]+)\/(.+)$/.exec(specifier);
  return own ? `packages/${own[1]}/src/${own[2]}.ts` : specifier;
}

const isOurs = (path: string): boolean => /^(packages|functions|infra|test)\//.test(path);

/** Every import of another part: where it is, what it names, and both parts. */
const crossings = code.flatMap((source) =>
  importsOf(source)
    .map((specifier) => ({ source, specifier, path: target(source, specifier) }))
    .filter(({ path }) => isOurs(path) && partOf(path) !== partOf(source.path))
    .map((found) => ({ ...found, from: partOf(found.source.path), to: partOf(found.path) })),
);

describe("imports", () => {
  it("are found", () => {
    expect(new Set(code.map(({ path }) => partOf(path)))).toEqual(new Set(Object.keys(MAY_IMPORT)));
    expect(crossings.length).toBeGreaterThan(200);
  });

  it("go one way between the parts", () => {
    const wrong = crossings.filter(({ from, to }) => !MAY_IMPORT[from]?.includes(to));
    expect(wrong.map(({ source, specifier }) => `${source.path}: ${specifier}`)).toEqual([]);
  });

  it("name nothing but the manifest and the indexes where that is all they may", () => {
    const wrong = crossings.filter(({ from, to, specifier, path }) => {
      const only = ONLY[`${from} ${to}`];
      return only !== undefined && !only.includes(specifier) && !only.includes(path);
    });
    expect(wrong.map(({ source, specifier }) => `${source.path}: ${specifier}`)).toEqual([]);
  });

  it("go through a package's name and never around it", () => {
    const around = crossings.filter(({ specifier, path }) => specifier.startsWith(".") && path.startsWith("packages/"));
    expect(around.map(({ source, specifier }) => `${source.path}: ${specifier}`)).toEqual([]);
  });

  it("of adapters are in functions alone", () => {
    const wrong = crossings.filter(({ from, to }) => to === "adapters" && from !== "functions");
    expect(wrong.map(({ source }) => source.path)).toEqual([]);
    expect(crossings.some(({ to }) => to === "adapters")).toBe(true);
  });

  it("of libraries stay few in the parts that are pure", () => {
    const wrong = code.flatMap((source) => {
      const allowed = LIBRARIES[partOf(source.path)];
      const libraries = importsOf(source).filter((name) => !isOurs(target(source, name)));
      return allowed ? libraries.filter((name) => !allowed.test(name)).map((name) => `${source.path}: ${name}`) : [];
    });
    expect(wrong).toEqual([]);
  });

  it("of middy are in packages/http alone", () => {
    const users = code.filter((source) => importsOf(source).some((name) => name.startsWith("@middy/")));
    expect(users.filter(({ path }) => !path.startsWith("packages/http/"))).toEqual([]);
    expect(users.length).toBeGreaterThan(0);
  });
});

describe("domains", () => {
  const rank = (domain: string): number => DOMAINS.findIndex((names) => names.includes(domain));
  const domainOf = (path: string): string | undefined => /^packages\/core\/src\/([a-z-]+)\//.exec(path)?.[1];
  const uses = code.flatMap((source) => {
    const from = domainOf(source.path);
    if (from === undefined) return [];
    const targets = importsOf(source).map((specifier) => target(source, specifier));
    return targets.flatMap((path) => {
      const to = domainOf(path);
      return to === undefined || to === from ? [] : [{ source, from, to, path }];
    });
  });

  it("have a place in the order", () => {
    const known = new Set(code.flatMap(({ path }) => domainOf(path) ?? []));
    expect([...known].filter((domain) => rank(domain) < 0)).toEqual([]);
  });

  it("import only from those before them", () => {
    const wrong = uses.filter(({ from, to }) => rank(to) >= rank(from));
    expect(wrong.map(({ source, path }) => `${source.path}: ${path}`)).toEqual([]);
    expect(uses.length).toBeGreaterThan(0);
  });

  it("never use another domain's entity", () => {
    const wrong = uses.filter(({ path }) => path.endsWith(".entity.ts"));
    expect(wrong.map(({ source, path }) => `${source.path}: ${path}`)).toEqual([]);
  });
});
