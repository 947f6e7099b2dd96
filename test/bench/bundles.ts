import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type FunctionSpec, functions } from "../../functions/manifest.ts";
import { bundleFunctions } from "../../infra/bundle.ts";
import { atMost, type Row } from "./row.ts";

const MB = 1_000_000;
const CRUD = { bytes: 1.5 * MB, initMs: 250 };
const RUNNING = { bytes: 4 * MB, initMs: 450 };
const specs: readonly FunctionSpec[] = functions;
const RUNNER = join(import.meta.dirname, "../support/run-bundle.ts");

async function loadMs(module: string, kind: string): Promise<number> {
  const env = { ...process.env, TABLE_NAME: "weft", FILES_BUCKET: "weft-files", POWERTOOLS_LOG_LEVEL: "SILENT" };
  const { stdout } = await promisify(execFile)(process.execPath, [RUNNER, module, kind], { env, timeout: 60_000 });
  const outcome = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as { loadMs: number; handler: string };
  if (outcome.handler !== "function") throw new Error(`${module} exports no handler`);
  return outcome.loadMs;
}

/**
 * Size of each function as it is deployed, and how long its module takes to load in a fresh process,
 * at best: what others do on the machine only adds to it.
 */
export async function bundleRows(isQuick: boolean): Promise<Row[]> {
  const outdir = await mkdtemp(join(tmpdir(), "weft-bench-"));
  try {
    const bundles = await bundleFunctions(outdir);
    const sizes: Row[] = [];
    const times: Row[] = [];
    for (const { name, kind, plans } of specs) {
      const bundle = bundles.get(name);
      if (!bundle) throw new Error(`${name} was not bundled`);
      const budget = plans ? RUNNING : CRUD;
      sizes.push(atMost("bundle: JavaScript", name, bundle.bytes / MB, budget.bytes / MB, "MB"));
      const module = join(bundle.directory, bundle.handler.replace(".handler", ".mjs"));
      const measured: number[] = [];
      for (let i = 0; i < (isQuick ? 2 : 5); i += 1) measured.push(await loadMs(module, kind));
      times.push(atMost("bundle: init", name, Math.min(...measured), budget.initMs, "ms"));
    }
    return [...sizes, ...times];
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
}
