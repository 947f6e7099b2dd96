import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import { nodeTypes } from "@weft/engine/nodes/index";
import type { Plan } from "@weft/engine/plan";
import { MemoryJournal } from "@weft/engine/record";
import type { RunIo } from "@weft/engine/run/io";
import { runPlan } from "@weft/engine/run/plan";
import { type BenchCanvas, cheapChain, planOf } from "./canvases.ts";
import { atMost, median, type Row } from "./row.ts";

const NODE_BUDGET_US = 20;
const COMPILE_BUDGET_MS = 50;
const COMPILE_NODES = 1_000;
const WARM_UP = 5;

function memoryIo(): RunIo {
  return {
    executionId: "exe_bench",
    journal: new MemoryJournal(),
    deps: {},
    types: nodeTypes,
    now: Date.now,
    random: Math.random,
    signal: new AbortController().signal,
    emit: () => undefined,
    onRecord: () => undefined,
    mustYield: () => false,
    variables: {},
    system: {},
    childExecutions: false,
    strictInputs: false,
  };
}

/** Milliseconds of CPU that the work took in this process. */
export async function cpuMs(work: () => Promise<unknown> | unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function nodeCost(plan: Plan, nodes: number, runs: number): Promise<number> {
  const run = () => runPlan(plan, { n: 1 }, memoryIo());
  for (let i = 0; i < WARM_UP; i += 1) await run();
  const ms = await cpuMs(async () => {
    for (let i = 0; i < runs; i += 1) await run();
  });
  return (ms * 1000) / (runs * nodes);
}

/** A loop over many turns of one text node: the turn is the node's cost. */
function cheapLoop(turns: number): BenchCanvas {
  const canvas = cheapChain(2);
  const inputs = [{ name: "v", ref: "all.index" }];
  const inner = { id: "t", type: "text", data: { config: { method: "concat", template: "{{v}}" }, inputs } };
  const edges = [
    { source: "all", target: "t" },
    { source: "t", target: "all" },
  ];
  const data = { config: { mode: "count", count: turns }, body: { nodes: [inner], edges } };
  canvas.nodes.splice(1, 0, { id: "all", type: "loop", data });
  canvas.edges = [
    { source: "start", target: "all" },
    { source: "all", target: "end" },
  ];
  return canvas;
}

/** What the engine costs in process, without any store. */
export async function engineRows(isQuick: boolean): Promise<Row[]> {
  const runs = isQuick ? 10 : 50;
  const rows: Row[] = [];
  for (const nodes of [100, COMPILE_NODES]) {
    const cost = await nodeCost(planOf(cheapChain(nodes)), nodes, runs);
    rows.push(atMost("engine: CPU per cheap node", `chain of ${nodes}`, cost, NODE_BUDGET_US, "µs"));
  }
  const turns = 10_000;
  const looped = await nodeCost(planOf(cheapLoop(turns)), turns, isQuick ? 2 : 10);
  rows.push(atMost("engine: CPU per cheap node", `loop of ${turns} turns`, looped, NODE_BUDGET_US, "µs"));
  const canvas = readCanvas(cheapChain(COMPILE_NODES));
  const times = Array.from({ length: WARM_UP + runs / 5 }, () => {
    const started = performance.now();
    compile(canvas);
    return performance.now() - started;
  });
  const scenario = `${COMPILE_NODES} nodes`;
  rows.push(atMost("engine: compile, first time", scenario, times[0] ?? 0, COMPILE_BUDGET_MS, "ms"));
  rows.push(atMost("engine: compile, warm", scenario, median(times.slice(WARM_UP)), COMPILE_BUDGET_MS, "ms"));
  return rows;
}
