import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FunctionSpec, functions } from "../../functions/manifest.ts";
import { bundleFunctions, type FunctionBundle } from "../../infra/bundle.ts";

const MEGABYTE = 1024 * 1024;

/** The product's budgets: functions that run plans carry the engine, and the sandbox an interpreter; the others do not. */
const BUDGET = { crud: 1.5 * MEGABYTE, plans: 4 * MEGABYTE };

const root = new URL("../../", import.meta.url);
const runner = new URL("../support/run-bundle.ts", import.meta.url).pathname;
const run = promisify(execFile);
const specs: readonly FunctionSpec[] = functions;
const present = specs.filter((spec) => existsSync(new URL(spec.entry, root)));

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "weft-bundle-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const sample = (name: string): FunctionSpec => ({ ...specs[0]!, name, entry: `test/support/bundle/${name}.ts` });

const runBundle = async (bundle: FunctionBundle, kind: string) => {
  const file = join(bundle.directory, bundle.handler.replace(/\.handler$/, ".mjs"));
  // Nothing listens on the discard port: whatever the call wants of AWS fails at once.
  const env = {
    PATH: process.env.PATH,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    AWS_MAX_ATTEMPTS: "1",
    TABLE_NAME: "table",
    FILES_BUCKET: "files",
    RUN_WORKFLOW_ARN: "arn:aws:states:eu-west-1:123456789012:stateMachine:RunWorkflow",
    MAIL_FROM: "no-reply@weft.example",
    STAGE: "dev",
  };
  const { stdout } = await run(process.execPath, [runner, file, kind], { env, timeout: 20_000 });
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
};

describe("bundleFunctions", () => {
  test("gives each function its entry and the chunks it may load, and nothing of the others", async () => {
    const outdir = join(directory, "samples");
    const bundles = await bundleFunctions(outdir, [sample("lazy"), sample("plain")]);
    const lazy = bundles.get("lazy")!;
    const plain = bundles.get("plain")!;
    const files = async (bundle: FunctionBundle) => (await readdir(bundle.directory, { recursive: true })).sort();
    expect((await files(plain)).filter((file) => file.includes("heavy"))).toEqual([]);
    expect((await files(lazy)).filter((file) => file.includes("heavy")).length).toBeGreaterThan(0);
    expect(lazy.bytes).toBeGreaterThan(lazy.initialBytes);
    expect(plain.bytes).toBe(plain.initialBytes);
    expect((await runBundle(plain, "task")).body).toMatch(/^"[0-9a-f]{8}"$/);
    expect((await runBundle(lazy, "task")).body).toContain("loaded when it is needed");
  });

  test("source maps lead back to the TypeScript and carry no sources", async () => {
    const bundles = await bundleFunctions(join(directory, "maps"), [sample("plain")]);
    const map = JSON.parse(await readFile(join(bundles.get("plain")!.directory, "plain.mjs.map"), "utf8"));
    expect(map.sources.some((source: string) => source.endsWith("test/support/bundle/plain.ts"))).toBe(true);
    expect(map.sourcesContent).toBeUndefined();
  });

  test("the same sources make the same bytes, so that nothing is deployed twice", async () => {
    const bytes = async (name: string) => {
      const bundles = await bundleFunctions(join(directory, name), [sample("lazy"), sample("plain")]);
      return readFile(join(bundles.get("lazy")!.directory, "lazy.mjs"), "utf8");
    };
    expect(await bytes("once")).toBe(await bytes("again"));
  });

  test("an entry that is not there is named", async () => {
    await expect(bundleFunctions(join(directory, "none"), [sample("absent")])).rejects.toThrow(
      "entries missing: test/support/bundle/absent.ts",
    );
  });
});

describe("the product's bundles", () => {
  let bundles = new Map<string, FunctionBundle>();
  beforeAll(async () => {
    bundles = await bundleFunctions(join(directory, "product"), present);
  });

  test("every manifest entry exists", () => {
    expect(specs.filter((spec) => !present.includes(spec)).map((spec) => spec.entry)).toEqual([]);
  });

  test("each keeps to its size budget", () => {
    for (const spec of present) {
      const limit = spec.plans || spec.sandbox ? BUDGET.plans : BUDGET.crud;
      expect([spec.name, bundles.get(spec.name)!.bytes <= limit, bundles.get(spec.name)!.bytes]).toEqual([
        spec.name,
        true,
        expect.any(Number),
      ]);
    }
  });

  test("the sandbox has its threads, its child and its interpreter with it", { timeout: 180_000 }, async () => {
    const { directory: folder } = bundles.get("code")!;
    const names = await readdir(folder);
    expect(names).toEqual(expect.arrayContaining(["code.mjs", "javascript-worker.mjs", "python-child.mjs", "pyodide"]));
    const script = [
      `const { handler } = await import(${JSON.stringify(join(folder, "code.mjs"))});`,
      "const call = (language, code) => handler({ language, code, inputs: { n: 1 }, tenant: 't' }, { tenantId: 't' });",
      "const outputs = [await call('typescript', 'export default (a: any) => a.n + 1'), await call('python', 'def main(n):\\n    return n + 2')];",
      "console.log(JSON.stringify(outputs.map(({ output, error }) => output ?? error)));",
      "process.exit(0);",
    ].join("\n");
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { env: {} });
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual([2, 3]);
  });

  test("each loads and can be called once, with nothing missing from it", async () => {
    for (const spec of present) {
      const outcome = await runBundle(bundles.get(spec.name)!, spec.kind);
      expect([spec.name, outcome.handler]).toEqual([spec.name, "function"]);
      expect(outcome.error ?? "").not.toMatch(/Cannot find|ERR_MODULE|require is not|is not defined|is not a function/);
      if (spec.kind === "api")
        expect([spec.name, outcome.status, JSON.parse(outcome.body).error.code]).toEqual([spec.name, 404, "not_found"]);
    }
  });
});
