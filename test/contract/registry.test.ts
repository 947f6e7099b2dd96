import { existsSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { allJobs } from "@weft/core/platform/jobs";
import { nodeTypes } from "@weft/engine/nodes/index";
import { ID_PREFIX } from "@weft/kernel/ids";
import { describe, expect, it } from "vitest";
import "../../functions/platform/registry.ts";
import "../../functions/trigger/schedule-job.ts";
import "../../functions/workflow/copy-job.ts";
import { type FunctionSpec, functions, jobs } from "../../functions/manifest.ts";
import { importsOf, ROOT, sources } from "./sources.ts";

const specs: readonly FunctionSpec[] = functions;
const folders = (path: string): string[] =>
  readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

describe("domains", () => {
  const domains = folders("packages/core/src");
  const used = new Set(sources(/^functions\/.*\.ts$/).flatMap(importsOf));

  it.each(domains)("%s has its schema, entity and service, and a function that uses it", (domain) => {
    const files = readdirSync(join(ROOT, "packages/core/src", domain));
    for (const role of ["schema", "entity", "service"]) {
      const names = files.filter((file) => file.endsWith(`.${role}.ts`));
      expect([domain, role, names.length > 0]).toEqual([domain, role, true]);
    }
    expect([...used].some((name) => name.startsWith(`@weft/core/${domain}/`))).toBe(true);
  });
});

describe("functions", () => {
  it("have entries that exist and names of their own", () => {
    expect(specs.filter(({ entry }) => !existsSync(join(ROOT, entry)))).toEqual([]);
    expect(new Set(specs.map(({ name }) => name)).size).toBe(specs.length);
  });

  it("have a line in the manifest for each handler", () => {
    const handlers = sources(/^functions\/.*\.ts$/).filter(({ text }) =>
      /^export (?:const|async function|function) handler\b/m.test(text),
    );
    expect(handlers.map(({ path }) => path).sort()).toEqual(specs.map(({ entry }) => entry).sort());
  });

  it("of the API keep their routes beside their entry", () => {
    const apis = specs.filter(({ kind }) => kind === "api");
    const without = apis.filter(({ entry }) => !existsSync(join(ROOT, entry.replace(/index\.ts$/, "routes.ts"))));
    expect(without).toEqual([]);
    expect(apis.every(({ entry }) => entry.endsWith("/index.ts"))).toBe(true);
  });
});

describe("jobs", () => {
  it("are those of the manifest, with their schedules", () => {
    const registered = allJobs().map(({ name, schedule }) => ({ name, schedule }));
    const listed = jobs.map(({ name, schedule }) => ({ name, schedule }));
    expect(registered).toEqual(listed.sort((a, b) => (a.name < b.name ? -1 : 1)));
    expect(registered.length).toBeGreaterThan(0);
  });
});

describe("functions of jobs", () => {
  const all = new Map(sources(/^functions\/.*\.ts$/).map((source) => [source.path, source]));

  /** Jobs that a file defines, or those of the files that it imports for their effect. */
  function definedBy(path: string): string[] {
    const source = all.get(path);
    if (!source) return [];
    const own = [...source.text.matchAll(/defineJob\(\{\s*name: "([\w-]+)"/g)].map((match) => match[1] as string);
    const effects = [...source.text.matchAll(/^import "(\..+)";$/gm)].map((match) =>
      posix.join(posix.dirname(path), match[1] as string),
    );
    return [...own, ...effects.flatMap(definedBy)];
  }

  it.each(["jobs", "canvas-jobs"])("define the jobs that the manifest gives to %s", (name) => {
    const spec = specs.find((one) => one.name === name);
    const wanted = jobs.flatMap((job) => (job.function === name ? [job.name] : []));
    expect(wanted.length).toBeGreaterThan(0);
    expect(definedBy(spec?.entry ?? "").sort()).toEqual(wanted.sort());
  });
});

describe("ids", () => {
  it("have prefixes of three letters, each of one kind", () => {
    const prefixes = Object.values(ID_PREFIX);
    expect(new Set(prefixes).size).toBe(prefixes.length);
    expect(prefixes.filter((prefix) => !/^[a-z]{3}$/.test(prefix))).toEqual([]);
  });
});

describe("node types", () => {
  const types = [...nodeTypes.values()];
  const repeated = (values: readonly string[]): string[] => values.filter((value, at) => values.indexOf(value) !== at);

  it("are each in the file of their name", () => {
    const files = types.map(({ type }) => `packages/engine/src/nodes/${type}.ts`);
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    const defining = sources(/^packages\/engine\/src\/nodes\/.*\.ts$/).filter(({ text }) =>
      /= defineNode\(/.test(text),
    );
    expect(defining.map(({ path }) => path).sort()).toEqual(files.sort());
  });

  it("have one meaning for each name of Coze and n8n", () => {
    const coze = types.flatMap((type) => (type.coze ? [type.coze] : []));
    expect(coze.length).toBeGreaterThan(10);
    expect(repeated(coze.map(({ id }) => id))).toEqual([]);
    expect(repeated(coze.map(({ key }) => key))).toEqual([]);
    expect(repeated(types.flatMap(({ n8n }) => n8n ?? []))).toEqual([]);
  });
});
