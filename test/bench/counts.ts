import type { Plan } from "@weft/engine/plan";
import { type BenchCanvas, chain, cheapChain, composite, diamond, fork, planOf } from "./canvases.ts";
import { counted, type Row } from "./row.ts";
import { type BenchWorld, must } from "./world.ts";

/** What one run cost. */
export interface RunCounts {
  writes: number;
  reads: number;
  transitions: number;
}

const FORK = 20;
const ITEMS = 12;
const CHAIN = 6;
const SLICE_SECONDS = 20;
const TRIES = 3;
/** Long enough for what is remembered of a workflow to be looked at again. */
const REST_MS = 10_000;

/**
 * What a run asks of the stores, everything that follows from it included: the least of some runs. A run that a busy
 * machine makes long stores its place and looks whether it was stopped meanwhile, which is no part of the budgets.
 */
async function costOf(world: BenchWorld, run: () => Promise<unknown>, restMs = 0): Promise<RunCounts> {
  const costs: RunCounts[] = [];
  for (let i = 0; i < TRIES; i += 1) {
    if (restMs > 0) await world.stack.advance(restMs);
    costs.push(await costOfOne(world, run));
  }
  const least = (name: keyof RunCounts) => Math.min(...costs.map((cost) => cost[name]));
  return { writes: least("writes"), reads: least("reads"), transitions: least("transitions") };
}

async function costOfOne(world: BenchWorld, run: () => Promise<unknown>): Promise<RunCounts> {
  await world.stack.idle();
  const before = world.stack.counts();
  await run();
  await world.stack.idle();
  const after = world.stack.counts();
  return {
    writes: after.dynamodb.writeRequests - before.dynamodb.writeRequests,
    reads: after.dynamodb.readRequests - before.dynamodb.readRequests,
    transitions: after.states.transitions - before.states.transitions,
  };
}

/** A sync run of a published workflow whose function, plan and caller are known, `restMs` after the one before. */
async function syncCost(world: BenchWorld, canvas: BenchCanvas, restMs = 0): Promise<RunCounts> {
  const path = await world.publish(canvas);
  const run = async () => {
    const view = await must(world.call("POST", `${path}/run`, { mode: "sync", input: { n: 1 } }));
    if (view.status !== "succeeded") throw new Error(`the run ended ${view.status}`);
  };
  // Two workers of the function may share the calls: both are to be warm.
  await Promise.all(Array.from({ length: 8 }, run));
  await run();
  return costOf(world, run, restMs);
}

async function asyncCost(world: BenchWorld, canvas: BenchCanvas, settings = {}): Promise<RunCounts> {
  const path = await world.publish(canvas, settings);
  const run = async (): Promise<void> => {
    const { id } = await must(world.call("POST", `${path}/run`, { mode: "async", input: { n: 1 } }));
    await world.stack.idle();
    const { status } = await must(world.call("GET", `/api/spaces/${world.spaceId}/executions/${id}`));
    if (status !== "succeeded") throw new Error(`execution ${id} ended ${status}`);
  };
  await run();
  return costOf(world, run);
}

/** Requests of warm sync runs, of few nodes and of many. */
export async function syncRows(world: BenchWorld): Promise<Row[]> {
  const cases: [string, BenchCanvas][] = [
    ["3 cheap nodes", cheapChain(3)],
    ["200 cheap nodes", cheapChain(200)],
    ["6 HTTP nodes", chain(CHAIN, world.target)],
  ];
  const rows: Row[] = [];
  for (const [name, canvas] of cases) {
    const { writes, reads } = await syncCost(world, canvas);
    rows.push(counted("sync run: DynamoDB writes", name, writes, 2));
    rows.push(counted("sync run: DynamoDB reads, warm", name, reads, 2));
  }
  const rested = await syncCost(world, cheapChain(3), REST_MS);
  const scenario = `3 cheap nodes, ${REST_MS / 1000} s after the last`;
  rows.push(counted("sync run: DynamoDB writes", scenario, rested.writes, 2));
  rows.push(counted("sync run: DynamoDB reads, warm", scenario, rested.reads, 2));
  return rows;
}

/** Effectful nodes of a run: those of the root graph, and those that turns of composites add. */
function effectsOf(plan: Plan, inner: number): number {
  return plan.effectCount + inner;
}

/** Edges between segments: those that join segments, and those that open one. */
function crossings(plan: Plan): number {
  return plan.segments.reduce((sum, segment) => sum + segment.in.length, 0);
}

/** Writes of async runs of every shape, and their transitions. */
export async function asyncRows(world: BenchWorld): Promise<Row[]> {
  const { target } = world;
  const cases: [string, BenchCanvas, number][] = [
    [`chain of ${CHAIN}`, chain(CHAIN, target), 0],
    ["diamond", diamond(target), 0],
    [`fork of ${FORK}`, fork(FORK, target), 0],
    [`loop of ${ITEMS} HTTP calls`, composite("loop", ITEMS, target), ITEMS],
    [`batch of ${ITEMS} HTTP calls`, composite("batch", ITEMS, target), ITEMS],
  ];
  const rows: Row[] = [];
  for (const [name, canvas, inner] of cases) {
    const plan = planOf(canvas);
    const cost = await asyncCost(world, canvas);
    const budget = 4 + effectsOf(plan, inner) + crossings(plan);
    rows.push(counted("async run: DynamoDB writes", name, cost.writes, budget));
    if (name.startsWith("chain"))
      rows.push(counted("async run: transitions, slice 0", name, cost.transitions, 2 + 2 * plan.effectCount));
  }
  const sliced = await asyncCost(world, chain(CHAIN, target), { sliceSeconds: SLICE_SECONDS });
  rows.push(counted(`async run: transitions, slice ${SLICE_SECONDS} s`, `chain of ${CHAIN}`, sliced.transitions, 4));
  return rows;
}
