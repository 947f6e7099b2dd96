import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type OutsideServer, startOutside } from "../support/calls.ts";
import { type Client, signUp } from "../support/client.ts";
import { ScaleProcess } from "./scale-process.ts";
import { answerShapes, type ScaleShape, type ScaleSizes, scaleShapes } from "./scale-shapes.ts";

/** The whole stack, every service and function of it, may have as much memory at once. */
export const MAX_PEAK_MB = 512;
/** Step Functions ends an execution at 25,000 events. */
export const MAX_EVENTS = 20_000;
const LOOK_MS = 500;
const MAX_SHOWN = 300;

export interface ScaleOptions {
  sizes: ScaleSizes;
  /** A folder of the proof's own; emptied before and after. */
  dataDir: string;
  /** No further workflow is begun when this says so. */
  isOver?: () => boolean;
  log?: (line: string) => void;
}

export interface ScaleRow {
  name: string;
  size: number;
  seconds: number;
  calls: number;
  lanes: number;
  /** Of the lane with the longest history. */
  events: number;
  /** The stack's memory so far, at its highest. */
  peakMb: number;
}

export interface ScaleReport {
  rows: ScaleRow[];
  problems: string[];
}

/** Runs large workflows on the whole stack and holds their results, calls, histories and memory against the bounds. */
export async function proveScale(options: ScaleOptions): Promise<ScaleReport> {
  await rm(options.dataDir, { recursive: true, force: true });
  const outside = await startOutside();
  answerShapes(outside);
  const stack = new ScaleProcess(options.dataDir);
  const report: ScaleReport = { rows: [], problems: [] };
  try {
    await stack.start().answering;
    const client = await signUp(stack.url);
    for (const shape of scaleShapes(outside.url, options.sizes)) {
      if (report.rows.length > 0 && options.isOver?.()) break;
      const row = await runShape(shape, { stack, outside, client, problems: report.problems });
      report.rows.push(row);
      options.log?.(lineOf(row));
    }
  } finally {
    await stack.kill();
    await outside.close();
    await rm(options.dataDir, { recursive: true, force: true });
  }
  return report;
}

interface World {
  stack: ScaleProcess;
  outside: OutsideServer;
  client: Client;
  problems: string[];
}

async function runShape(shape: ScaleShape, world: World): Promise<ScaleRow> {
  const { stack, outside, client, problems } = world;
  const problem = (text: string): void => void problems.push(`${shape.name}: ${text}`);
  const workflowId = await client.publish(shape.name, shape.canvas, shape.settings);
  outside.calls.length = 0;
  const begun = performance.now();
  const { id } = await client.run(workflowId, shape.input);
  const view = await ended(client, id);
  const seconds = (performance.now() - begun) / 1000;
  if (view.status !== "succeeded") problem(`ended ${view.status}: ${JSON.stringify(view.error)}`);
  for (const [name, expected] of Object.entries(shape.output)) {
    const found = different(expected, view.output?.[name]);
    if (found) problem(`output ${name} ${found}`);
  }
  checkCalls(shape, id, outside, problem);
  const { lanes, events } = await stack.lanesOf(id);
  if (lanes === 0) problem("no lane of it was found");
  if (events >= MAX_EVENTS) problem(`a lane has ${events} events`);
  const peakMb = await stack.peakMb();
  if (peakMb >= MAX_PEAK_MB) problem(`the stack had ${peakMb.toFixed(0)} MB at once`);
  return { name: shape.name, size: shape.size, seconds, calls: outside.calls.length, lanes, events, peakMb };
}

const ENDED = new Set(["succeeded", "failed", "cancelled", "timed_out"]);

async function ended(client: Client, executionId: string): Promise<Awaited<ReturnType<Client["execution"]>>> {
  for (;;) {
    const view = await client.execution(executionId);
    if (ENDED.has(view.status)) return view;
    await sleep(LOOK_MS);
  }
}

/** Every node, turn and item called, each once: nothing was killed, so nothing had a reason to be called again. */
function checkCalls(shape: ScaleShape, id: string, outside: OutsideServer, problem: (text: string) => void): void {
  const keys = new Map<string, number>();
  for (const { key } of outside.calls) keys.set(key, (keys.get(key) ?? 0) + 1);
  const repeated = [...keys].filter(([, count]) => count > 1);
  if (repeated.length > 0) problem(`${repeated.length} calls were made again, such as ${repeated[0]?.[0]}`);
  const found: Record<string, number> = {};
  for (const key of keys.keys()) {
    const [executionId, path = ""] = key.split(":");
    if (executionId !== id) problem(`a call of ${key}`);
    const step = path.split("/").at(-1) as string;
    found[step] = (found[step] ?? 0) + 1;
  }
  const sorted = (counts: Record<string, number>): string => JSON.stringify(Object.entries(counts).sort());
  if (sorted(found) !== sorted(shape.calls)) {
    problem(`made the calls ${sorted(found).slice(0, MAX_SHOWN)}, not ${sorted(shape.calls).slice(0, MAX_SHOWN)}`);
  }
}

/** How a value differs from what is expected, of which every member has to be there; undefined where it does not. */
function different(expected: unknown, actual: unknown): string | undefined {
  if (!Array.isArray(expected)) return includes(expected, actual) ? undefined : `is ${shown(actual)}`;
  if (!Array.isArray(actual)) return `is ${shown(actual)}`;
  if (actual.length !== expected.length) return `has ${actual.length} members, not ${expected.length}`;
  const at = expected.findIndex((member, index) => !includes(member, actual[index]));
  return at < 0 ? undefined : `holds ${shown(actual[at])} at ${at}, not ${shown(expected[at])}`;
}

function includes(expected: unknown, actual: unknown): boolean {
  if (expected === null || typeof expected !== "object") return expected === actual;
  const members = (actual ?? {}) as Record<string, unknown>;
  return Object.entries(expected).every(([name, value]) => members[name] === value);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, MAX_SHOWN);
}

/** One row as text. */
function lineOf({ name, size, seconds, calls, lanes, events, peakMb }: ScaleRow): string {
  const cells = [
    name.padEnd(26),
    String(size).padStart(6),
    `${seconds.toFixed(1).padStart(7)} s`,
    `${String(calls).padStart(5)} calls`,
    `${String(lanes).padStart(2)} lanes`,
    `${String(events).padStart(5)} events`,
    `${peakMb.toFixed(0).padStart(4)} MB`,
  ];
  return cells.join("  ");
}
