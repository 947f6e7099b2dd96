import type { Plan, PlanNode } from "@weft/engine/plan";
import type { NodeRecord } from "@weft/engine/record";
import { NodeFailed, type RunIo, RunStopped } from "@weft/engine/run/io";
import { neededFor, type Position, runStep, type StepOutcome, segmentOf } from "@weft/engine/run/step";
import { isoTime } from "@weft/kernel/clock";
import { askPeople } from "./asked.ts";
import { startChild } from "./child.ts";
import type { ExecutionDeps } from "./deps.ts";
import { settleEdges } from "./edges.ts";
import { tellWaiting } from "./execution.events.ts";
import { TableJournal } from "./journal.ts";
import { knownOf } from "./known.ts";
import { type LaneInput, type LaneRoute, laneName } from "./machine.ts";
import { type Setup, setupOf } from "./part.ts";
import { runIo, type Watch } from "./run-io.ts";
import { failExecution, finishExecution, timeOut } from "./settle.ts";
import { addLanes, CHECK_INTERVAL_MS, changeOpen, type ExecutionRow, findExecution, isOurs } from "./store.ts";

/** A lane's history stays under 15,000 of the 25,000 events that Step Functions allows: about 9 events a step. */
export const MAX_HOPS = 1600;
/** A wait that is longer than Step Functions lets a task wait. */
const MAX_SIGNAL_SECONDS = 99_999_999;

interface Lane {
  deps: ExecutionDeps;
  row: ExecutionRow;
  plan: Plan;
  journal: TableJournal;
  input: LaneInput;
  material: Setup;
  io: RunIo;
  watch: Watch;
  /** It stored an effectful node's record: then nothing that follows from it was stored before this delivery. */
  isFirst: boolean;
}

/**
 * One state of a lane: execute, checkpoint, propagate (architecture §3). Whatever happened before, running it again
 * changes no result: what is stored is not run again, edges are counted once, lanes are started under fixed names. What
 * fails for a reason of ours is thrown, and Step Functions tries again.
 */
export async function runLane(deps: ExecutionDeps, input: LaneInput): Promise<LaneRoute> {
  const done: LaneRoute = { ...input, next: "done" };
  const found = await findExecution(input);
  if (!isOurs(found, input.epoch)) return done;
  const now = deps.clock.now();
  if (now >= Date.parse(found.deadlineAt)) {
    await timeOut(deps, found);
    return done;
  }
  const row = await begin(deps, found);
  if (!row) return done;
  const lane = await open(deps, row, input);
  try {
    return await drive(lane);
  } catch (thrown) {
    if (thrown instanceof RunStopped) {
      if (deps.clock.now() >= Date.parse(row.deadlineAt)) await timeOut(deps, row);
      return done;
    }
    if (!(thrown instanceof NodeFailed)) throw thrown;
    await lane.journal.putAll([thrown.record]);
    await failExecution(deps, row, thrown);
    return done;
  } finally {
    lane.watch.stop();
  }
}

async function begin(deps: ExecutionDeps, row: ExecutionRow): Promise<ExecutionRow | null> {
  if (row.status === "running") return row;
  const now = deps.clock.now();
  return changeOpen(row, now, {
    status: "running",
    startedAt: row.startedAt ?? isoTime(now),
    sweepAtMs: Math.min(now + CHECK_INTERVAL_MS, Date.parse(row.deadlineAt)),
  });
}

async function open(deps: ExecutionDeps, row: ExecutionRow, input: LaneInput): Promise<Lane> {
  const known = knownOf(row, row.epoch);
  const journal = new TableJournal(row, row.epoch, () => deps.clock.now(), known);
  const isWarm = known.isWhole;
  const [setup] = await Promise.all([setupOf(deps, row), isWarm ? undefined : journal.load()]);
  if (isWarm) await journal.loadFor(neededFor(setup.plan, input));
  const options = { childExecutions: true, failureOf: (path: string) => journal.failure(path) };
  const { io, watch } = runIo(deps, row, journal, setup, options);
  return { deps, row, plan: setup.plan, journal, input, material: setup, io, watch, isFirst: false };
}

async function drive(lane: Lane): Promise<LaneRoute> {
  const sliceEnd = lane.deps.clock.now() + lane.row.sliceMs;
  let position: Position = { segmentId: lane.input.segmentId, step: lane.input.step };
  for (;;) {
    const next = await advance(lane, position);
    if (!("segmentId" in next) || "next" in next) return next as LaneRoute;
    position = next;
    if (lane.deps.clock.now() >= sliceEnd || lane.io.mustYield(0)) return goOn(lane, position);
  }
}

/** Does one step and what follows from it without effects. Gives the lane's next position, or its route. */
async function advance(lane: Lane, start: Position): Promise<Position | LaneRoute> {
  const effects: Position[] = [];
  const queue: Position[] = [start];
  const carried: NodeRecord[] = [];
  for (let head = 0; head < queue.length; head += 1) {
    const position = queue[head] as Position;
    const outcome = await step(lane, position);
    if (outcome.kind === "yielded") {
      // What else became ready on the way goes on in lanes of its own: nobody comes back to it here.
      await startLanes(lane.deps, lane.row, [...effects, ...queue.slice(head + 1)]);
      return goOn(lane, position);
    }
    if (outcome.kind === "waiting") return suspended(lane, position, outcome.paths);
    carried.push(...outcome.fresh);
    if (outcome.finish) {
      await finishExecution(lane.deps, lane.row, outcome.finish, carried);
      return { ...lane.input, next: "done" };
    }
    if (outcome.nextStep !== undefined) {
      effects.push({ segmentId: position.segmentId, step: outcome.nextStep });
      continue;
    }
    const ready = (await settleEdges(lane.row, lane.plan, outcome.edges)).map((id) => segmentOf(lane.plan, id));
    for (const segment of ready) {
      const isCheap = segment.steps[0]?.effect === undefined;
      (isCheap ? queue : effects).push({ segmentId: segment.id, step: 0 });
    }
    // A join needs what other lanes stored.
    for (const { id, in: edges } of ready) {
      if (edges.length > 1) await lane.journal.loadFor(neededFor(lane.plan, { segmentId: id, step: 0 }));
    }
  }
  const [first, ...others] = effects;
  await startLanes(lane.deps, lane.row, others);
  return first ?? { ...lane.input, next: "done" };
}

/** Runs a step and stores what it did before anything follows from it. */
async function step(lane: Lane, position: Position): Promise<StepOutcome> {
  const segment = segmentOf(lane.plan, position.segmentId);
  const effect = segment.steps[position.step]?.effect;
  const inner = lane.plan.root.nodes
    // One that waits goes on over what it kept.
    .filter(({ id }) => segment.nodes.includes(id) && (lane.journal.get(id)?.status ?? "waiting") === "waiting")
    .filter((node) => holdsMore(node, lane.deps.types));
  for (const node of inner) if (!node.effectful || node.id === effect) await lane.journal.loadBelow(node.id);
  for (;;) {
    const outcome = await runStep(lane.plan, position, lane.material.input, lane.io);
    if (outcome.kind === "waiting") return outcome;
    const [first] = outcome.fresh;
    if (!first || first.nodeId !== effect) {
      // A repeat of what went further before: what it left must not be done again.
      if (!lane.isFirst && !lane.journal.isWhole) await lane.journal.load();
      return outcome;
    }
    const stored = await lane.journal.putAll(outcome.fresh as [NodeRecord, ...NodeRecord[]]);
    lane.isFirst ||= stored === first;
    if (stored === first) return { ...outcome, fresh: [] };
    await lane.journal.load();
  }
}

function holdsMore(node: PlanNode, types: ExecutionDeps["types"]): boolean {
  return node.body !== undefined || types.get(node.type)?.keeps === true;
}

/** Where the lane waits: on the clock alone, or for an answer too. */
async function suspended(lane: Lane, position: Position, paths: readonly string[]): Promise<LaneRoute> {
  const at = { ...lane.input, ...position, hops: lane.input.hops + 1 };
  let until = Number.POSITIVE_INFINITY;
  let signal: string | undefined;
  for (const path of paths) {
    const record = lane.journal.get(path);
    const suspend = record?.suspend;
    if (!suspend) continue;
    if (suspend.kind === "wait") {
      until = Math.min(until, suspend.until);
      continue;
    }
    signal ??= path;
    const event = lane.journal.eventOf(path);
    if (event?.timeoutAt) until = Math.min(until, Date.parse(event.timeoutAt));
    if (suspend.kind === "child" && event) await startChild(lane.deps, lane.row, event, suspend);
  }
  await askPeople(lane.deps, lane.row, lane.journal, paths);
  const deadline = Date.parse(lane.row.deadlineAt);
  if (signal === undefined) return { ...at, next: "wait", until: isoTime(Math.min(until, deadline)) };
  const now = lane.deps.clock.now();
  const asked = lane.journal.eventOf(signal);
  if (asked?.type !== "child") {
    const waiting = await changeOpen(lane.row, now, { status: "waiting" });
    if (waiting && asked) await tellWaiting(lane.deps, waiting, asked);
  }
  const seconds = Math.ceil((Math.min(until, deadline) - now) / 1000);
  return { ...at, next: "signal", path: signal, timeoutSeconds: Math.min(Math.max(seconds, 1), MAX_SIGNAL_SECONDS) };
}

/** The next state of this lane, in a fresh lane when this one's history grew long. */
async function goOn(lane: Lane, position: Position): Promise<LaneRoute> {
  const hops = lane.input.hops + 1;
  if (hops % MAX_HOPS !== 0) return { ...lane.input, ...position, hops, next: "step" };
  await startLanes(lane.deps, lane.row, [position], hops);
  return { ...lane.input, next: "done" };
}

/** Starts lanes under fixed names, which are noted first so that they can be found and stopped. */
export async function startLanes(
  deps: ExecutionDeps,
  row: ExecutionRow,
  positions: readonly Position[],
  hops = 0,
): Promise<void> {
  if (positions.length === 0) return;
  const named = positions.map((position) => ({
    name: laneName(row.executionId, position.segmentId, row.epoch, Math.floor(hops / MAX_HOPS)),
    position,
  }));
  if (
    !(await addLanes(
      row,
      named.map(({ name }) => name),
    ))
  )
    throw new RunStopped("the execution was closed");
  const { spaceId, executionId, epoch } = row;
  await Promise.all(
    named.map(({ name, position }) => deps.machine.start(name, { spaceId, executionId, ...position, epoch, hops })),
  );
}
