/**
 * `npm run prove`: the proofs that `npm test` takes samples of, whole.
 *
 *   npm run prove -- [--minutes N] [--seed S] [--only kills,scale,lanes,plans,canvases,states,stores,hooks,schedules]
 */
import { randomInt } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasFixtures } from "../local/asl-fixture.ts";
import { GOLDEN, GOLDEN_ZONES } from "../support/schedule-oracle.ts";
import { proveKills } from "./kills.ts";
import { MAX_EVENTS, MAX_PEAK_MB, proveScale } from "./scale.ts";
import { runTests } from "./vitest.ts";

const KILLS = 50;
const RUNS = 50;
const SEEDS = 1000;
/** Seeds that one process goes through; between two the time is looked at. */
const SEEDS_AT_ONCE = 25;
/** Random plans in one process, which take no time but the engine's. */
const PLANS = 10_000;
const PLANS_AT_ONCE = 1_000;
/** Variations of Coze's canvases; a process goes through as many at once as `npm test` does. */
const VARIATIONS = 2_000;
const VARIATIONS_AT_ONCE = 200;
/** Large workflows: nodes one after another, turns without effects and with calls, items of a batch. */
const SIZES = { chain: 300, cheapTurns: 10_000, turns: 1_000, items: 5_000 };
/** Kills of the stores' own durability tests. */
const STORE_ROUNDS = 40;

const { values } = parseArgs({
  options: { minutes: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const seed = values.seed === undefined ? randomInt(1_000_000_000) : Number(values.seed);
const minutes = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes);
if (!Number.isInteger(seed) || !(minutes > 0)) throw new Error("--seed takes an integer and --minutes a number");
const only = values.only?.split(",");
const begun = performance.now();

interface Row {
  proof: string;
  figures: string;
  passed: number;
  failed: number;
  seconds: number;
}

const rows: Row[] = [];
const problems: string[] = [];

const minutesUsed = (): number => (performance.now() - begun) / 60_000;

type Outcome = Omit<Row, "proof" | "seconds"> & { problems: readonly string[] };

async function prove(name: string, proof: string, run: () => Promise<Outcome>): Promise<void> {
  if (only && !only.includes(name)) return;
  const started = performance.now();
  console.log(`\n${proof} …`);
  const outcome = await run().catch((error: unknown): Outcome => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { figures: "did not come to its end", passed: 0, failed: 1, problems: [text] };
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  rows.push({ proof, figures: outcome.figures, passed: outcome.passed, failed: outcome.failed, seconds });
  problems.push(...outcome.problems.map((problem) => `${proof}: ${problem}`));
  console.log(`  ${outcome.figures} (${seconds} s)`);
}

/** Kills use at most half of the time that is given. */
async function kills(): Promise<Outcome> {
  const limit = minutesUsed() + (minutes - minutesUsed()) / 2;
  const report = await proveKills({
    kills: KILLS,
    runs: RUNS,
    seed,
    dataDir: join(tmpdir(), `weft-prove-kills-${process.pid}`),
    isOver: () => minutesUsed() > limit,
    log: (line) => process.stdout.write(`\r  ${line}   `),
  });
  process.stdout.write("\n");
  const figures =
    `seed ${seed}: ${report.kills} SIGKILLs (${report.killsAtStart} while starting), ${report.executions} executions, ` +
    `${report.calls} calls, ${report.repeated} repeated before their checkpoint, ` +
    `${report.checkpointsSeen} checkpoints held`;
  const failed = report.problems.length;
  return { figures, passed: Math.max(0, report.executions - failed), failed, problems: report.problems };
}

async function scale(): Promise<Outcome> {
  const { rows: run, problems: found } = await proveScale({
    sizes: SIZES,
    dataDir: join(tmpdir(), `weft-prove-scale-${process.pid}`),
    isOver: () => minutesUsed() > minutes,
    log: (line) => console.log(`  ${line}`),
  });
  const most = (of: "events" | "peakMb"): number => Math.round(Math.max(...run.map((row) => row[of])));
  const figures =
    `${run.length} workflows, at most ${most("events")} events in a lane (${MAX_EVENTS}), ` +
    `${most("peakMb")} MB at once (${MAX_PEAK_MB})`;
  const failed = found.length;
  return { figures, passed: Math.max(0, run.length - failed), failed, problems: found };
}

/** One test file over many seeds, as long as there is time. */
async function overSeeds(file: string, seeds: number, atOnce: number): Promise<Outcome> {
  const total = { passed: 0, failed: 0, problems: [] as string[] };
  let done = 0;
  while (done < seeds && (done === 0 || minutesUsed() < minutes)) {
    const count = Math.min(atOnce, seeds - done);
    const env = { WEFT_FIRST_SEED: String(seed + done), WEFT_SEEDS: String(count) };
    const result = await runTests([file], env);
    total.passed += result.passed;
    total.failed += result.failed;
    total.problems.push(...result.problems);
    done += count;
    process.stdout.write(`\r  ${done} seeds, ${total.failed} failed   `);
  }
  process.stdout.write("\n");
  return { figures: `seeds ${seed} to ${seed + done - 1} (${done})`, ...total };
}

const lanes = (): Promise<Outcome> => overSeeds("test/engine/lanes.property.test.ts", SEEDS, SEEDS_AT_ONCE);

const plans = (): Promise<Outcome> => overSeeds("test/engine/plans.property.test.ts", PLANS, PLANS_AT_ONCE);

const canvases = (): Promise<Outcome> =>
  overSeeds("test/engine/coze-variations.test.ts", VARIATIONS, VARIATIONS_AT_ONCE);

async function states(): Promise<Outcome> {
  if (!hasFixtures)
    return { figures: "not run: the recorded executions are not here", passed: 0, failed: 0, problems: [] };
  const result = await runTests(["test/local/sfn-conformance.test.ts"]);
  const counts = [...result.written.matchAll(/^[a-z_]+ +(?:JSONata|JSONPath) +(\d+)\/(\d+)$/gm)];
  const sum = (at: 1 | 2): number => counts.reduce((all, match) => all + Number(match[at]), 0);
  const held = [...result.written.matchAll(/held areas, (\w+): (\d+\/\d+)/g)].map((match) => `${match[1]} ${match[2]}`);
  return { ...result, figures: `${sum(1)} of ${sum(2)} recorded executions; held areas: ${held.join(", ")}` };
}

async function stores(): Promise<Outcome> {
  const files = ["dynamo-durability", "objects-durability", "sfn-durability", "stack-kill"];
  const env = { WEFT_STORE_ROUNDS: String(STORE_ROUNDS) };
  const result = await runTests(
    files.map((file) => `test/local/${file}.test.ts`),
    env,
  );
  return { ...result, figures: `${files.length} files, DynamoDB killed ${STORE_ROUNDS} times` };
}

/** Ten webhooks for a minute, and bodies as large as they may be. */
async function hooks(): Promise<Outcome> {
  const result = await runTests(["test/stack/webhooks-load.test.ts"], { WEFT_HOOKS: "whole" });
  const said = /webhooks: \d.*$/m.exec(result.written)?.[0];
  return { ...result, figures: said ?? "did not come to its end" };
}

async function schedules(): Promise<Outcome> {
  const result = await runTests(["test/execution/schedule-golden.test.ts"], { WEFT_SCHEDULES: "whole" });
  return { ...result, figures: `${GOLDEN.length} schedules in ${GOLDEN_ZONES.length} zones over two years` };
}

function print(): boolean {
  console.log("");
  const width = Math.max(...rows.map(({ proof }) => proof.length));
  for (const { proof, figures, passed, failed, seconds } of rows) {
    const result = failed > 0 ? "FAILED" : passed > 0 ? "holds" : "not run";
    console.log(`${proof.padEnd(width)}  ${result.padEnd(7)}  ${String(seconds).padStart(5)} s  ${figures}`);
  }
  for (const problem of problems) console.log(`\n${problem}`);
  const sum = (field: "passed" | "failed"): number => rows.reduce((all, row) => all + row[field], 0);
  console.log(`\nfirst seed ${seed}; repeat with: npm run prove -- --seed ${seed}`);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 && sum("passed") > 0;
}

console.log(`first seed ${seed}${Number.isFinite(minutes) ? `, ${minutes} minutes` : ""}`);
await prove("states", "States Language against AWS's records", states);
await prove("stores", "Stores keep what they acknowledged", stores);
await prove("schedules", "Schedules fire when they say and as the rules say", schedules);
await prove("kills", "Killed stacks lose and repeat nothing", kills);
await prove("hooks", "Webhooks under load start every run once", hooks);
await prove("scale", "Large workflows end with every call made once, in bounded memory", scale);
await prove("plans", "Plans of every pure node type give the sequential outcome", plans);
await prove("canvases", "Coze's canvases in other forms", canvases);
await prove("lanes", "Lanes give the sequential outcome", lanes);
process.exitCode = print() ? 0 : 1;
