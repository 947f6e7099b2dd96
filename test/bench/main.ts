import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { bundleRows } from "./bundles.ts";
import { codeRows } from "./code.ts";
import { asyncRows, syncRows } from "./counts.ts";
import { engineRows } from "./engine.ts";
import { expressionRows } from "./expressions.ts";
import { importRows } from "./imports.ts";
import { loadRows } from "./load.ts";
import { productRows } from "./product.ts";
import { type Row, table } from "./row.ts";
import { startRows } from "./start.ts";
import { chainRows, wayRows } from "./ways.ts";
import { type BenchWorld, startWorld } from "./world.ts";

/**
 * `npm run bench`: what the product costs against its budgets. `--quick` measures for a shorter time; `--only=a,b`
 * takes some parts. Ends with 1 when a counted row is over its budget; times depend on the machine and are shown only.
 */
const isQuick = process.argv.includes("--quick");
const only = process.argv
  .find((arg) => arg.startsWith("--only="))
  ?.slice("--only=".length)
  .split(",");

async function inWorld(measure: (world: BenchWorld) => Promise<Row[]>): Promise<Row[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "weft-bench-data-"));
  const world = await startWorld({ dataDir });
  try {
    return await measure(world);
  } finally {
    await world.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

const parts: Record<string, () => Promise<Row[]>> = {
  engine: () => engineRows(isQuick),
  expressions: () => expressionRows(isQuick),
  imports: () => importRows(isQuick),
  code: () => codeRows(isQuick),
  counts: () => inWorld(async (world) => [...(await syncRows(world)), ...(await asyncRows(world))]),
  product: () => inWorld((world) => productRows(world, isQuick)),
  chain: () => inWorld(chainRows),
  ways: () => inWorld((world) => wayRows(world, isQuick)),
  load: () => inWorld((world) => loadRows(world, isQuick)),
  bundles: () => bundleRows(isQuick),
  start: () => startRows(),
};

const unknown = only?.filter((name) => !Object.hasOwn(parts, name)) ?? [];
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(", ")}; there are ${Object.keys(parts).join(", ")}`);
  process.exit(2);
}
const rows: Row[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (only && !only.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  rows.push(...(await measure()));
}
console.log(table(rows));
const load = loadavg().map((value) => value.toFixed(1));
console.log(`${availableParallelism()} cores, Node ${process.versions.node}, load average ${load.join(" ")}`);
const broken = rows.filter((row) => row.counted && !row.ok);
if (broken.length > 0) console.error(`${broken.length} counted rows are over their budget`);
process.exit(broken.length > 0 ? 1 : 0);
