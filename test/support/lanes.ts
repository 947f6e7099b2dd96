import { AsyncLocalStorage } from "node:async_hooks";
import type { ExecutionDeps } from "@weft/core/execution/deps";
import { startLanes } from "@weft/core/execution/lane";
import { runState } from "@weft/core/execution/launched";
import type { LaneInput, LaneRoute, Machine } from "@weft/core/execution/machine";
import {
  CHECK_INTERVAL_MS,
  createExecution,
  type ExecutionRow,
  getExecution,
  isTerminal,
  outcomeOf,
} from "@weft/core/execution/store";
import { sweepOne } from "@weft/core/execution/sweep";
import { documentClient } from "@weft/db/table";
import type { NodeRun } from "@weft/engine/node";
import type { Plan } from "@weft/engine/plan";
import { RunStopped } from "@weft/engine/run/io";
import { firstSegment } from "@weft/engine/run/step";
import { ManualClock } from "@weft/kernel/clock";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import { randomTypes } from "./random-plan.ts";

/** Thrown where a worker is said to have died. */
class Crash extends Error {
  override readonly name = "Crash";
}

/** The worker that runs a task: a node in it can say that it died. `since` is its place in the order of what happened. */
const workers = new AsyncLocalStorage<{ isDead: boolean; since: number }>();

let order = 0;
/** When the store took a node's record, in the same order, by `execution:path`. */
const checkpoints = new Map<string, number>();

/** Notes the records of nodes in a write that the store has carried out. */
function noteCheckpoints(input: unknown): void {
  const { Item, TransactItems } = input as { Item?: Stored; TransactItems?: { Put?: { Item?: Stored } }[] };
  for (const item of [Item, ...(TransactItems ?? []).map(({ Put }) => Put?.Item)]) {
    if (item?.__edb_e__ !== "nodeexecution" || item.status !== "succeeded") continue;
    const key = `${item.executionId}:${item.path}`;
    if (!checkpoints.has(key)) checkpoints.set(key, ++order);
  }
}

type Stored = Record<string, unknown>;

/** Makes the process's database calls fail at random: before they are sent, or after they were carried out. */
export function faultyStore(random: () => number): { set rate(rate: number); remove(): void } {
  let chance = 0;
  const name = "weftFaults";
  documentClient().middlewareStack.add(
    (next) => async (args) => {
      const roll = random();
      if (roll < chance / 2) throw new Crash("died before a database call");
      const result = await next(args);
      noteCheckpoints(args.input);
      if (roll < chance) throw new Crash("died after a database call");
      return result;
    },
    { step: "initialize", name },
  );
  return {
    set rate(value: number) {
      chance = value;
    },
    remove: () => void documentClient().middlewareStack.remove(name),
  };
}

interface Task {
  input: LaneInput;
  waiting?: string;
}

export interface FaultRates {
  /** Chance that a database call of a worker kills it. */
  crash: number;
  /** Chance that a task is delivered twice, one after the other or at once. */
  twice: number;
  /** Repeats come one after the other only: then no effect has a reason to happen again. */
  inTurn?: boolean;
  /** Chance that a lane is lost for good, so that the sweeper has to take the execution over. */
  lost?: number;
  /** Chance that a process says that its time is up. */
  yields?: number;
}

/** Lanes that are lost in one run at most: the sweeper gives an execution up after five takeovers. */
const MAX_LOST = 2;

/** Step Functions' side of lanes, with a scheduler that delivers in any order, twice, and to workers that die. */
export class ChaosMachine implements Machine {
  readonly started = new Map<string, LaneInput>();
  readonly #tasks: Task[] = [];
  readonly #random: () => number;
  readonly stopped: string[] = [];
  deliveries = 0;
  readonly #lost: Task[] = [];
  lostCount = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  async start(name: string, input: LaneInput): Promise<void> {
    if (this.started.has(name)) return;
    this.started.set(name, input);
    this.#tasks.push({ input });
  }
  async stop(name: string): Promise<void> {
    this.stopped.push(name);
  }
  async isRunning(): Promise<boolean> {
    return this.#tasks.length > 0;
  }
  async wake(): Promise<void> {
    throw new Error("random plans never wait");
  }

  /** Delivers tasks until none is left. A task whose worker died is delivered again, as Step Functions retries it. */
  async drain(deps: ExecutionDeps, faults: { set rate(rate: number) }, rates: FaultRates): Promise<void> {
    while (this.#tasks.length > 0) {
      const side = 1 + Math.floor(this.#random() * 3);
      const batch = Array.from({ length: Math.min(side, this.#tasks.length) }, () => {
        const [task] = this.#tasks.splice(Math.floor(this.#random() * this.#tasks.length), 1);
        return task as Task;
      });
      faults.rate = rates.crash;
      const routes = await Promise.all(batch.map((task) => this.#deliver(deps, task, rates)));
      faults.rate = 0;
      for (const [index, route] of routes.entries()) {
        if (route !== "died" && route.next === "done") continue;
        if (this.lostCount < MAX_LOST && this.#random() < (rates.lost ?? 0)) {
          this.lostCount += 1;
          this.#lost.push(batch[index] as Task);
        } else if (route === "died") this.#tasks.push(batch[index] as Task);
        else if (route.next === "step") this.#tasks.push({ input: route });
        else throw new Error(`unexpected route ${route.next}`);
      }
    }
  }

  /** Lost tasks come back, as of a worker that was only slow. */
  wakeLost(): void {
    this.#tasks.push(...this.#lost.splice(0));
  }

  async #deliver(deps: ExecutionDeps, task: Task, rates: FaultRates): Promise<LaneRoute | "died"> {
    const once = async (): Promise<LaneRoute | "died"> => {
      this.deliveries += 1;
      const worker = { isDead: false, since: ++order };
      try {
        const route = await workers.run(worker, () => runState(deps, task.input));
        return worker.isDead ? "died" : route;
      } catch (thrown) {
        if (!hasCrash(thrown)) throw thrown;
        return "died";
      }
    };
    if (this.#random() >= rates.twice) return once();
    if (rates.inTurn || this.#random() < 0.5) {
      await once();
      return once();
    }
    const [first, second] = await Promise.all([once(), once()]);
    return this.#random() < 0.5 ? first : second;
  }
}

function hasCrash(thrown: unknown): boolean {
  for (
    let error = thrown as { name?: string; cause?: unknown } | undefined;
    error;
    error = error.cause as typeof error
  ) {
    if (error.name === "Crash") return true;
  }
  return false;
}

export interface ChaosRun {
  row: ExecutionRow;
  output: unknown;
  /** How often the effect of each node happened. */
  effects: Map<string, number>;
  machine: ChaosMachine;
  /** Effects that happened again after the store had acknowledged their record. */
  again: string[];
}

/** Runs a plan on lanes under faults and gives what came of it. */
export async function chaosRun(
  plan: Plan,
  value: number,
  random: () => number,
  faults: { set rate(rate: number) },
  rates: FaultRates,
): Promise<ChaosRun> {
  faults.rate = 0;
  const clock = new ManualClock();
  const spaceId = newId("space");
  const effects = new Map<string, number>();
  const machine = new ChaosMachine(random);
  const again: string[] = [];
  const onEffect = async (run: NodeRun): Promise<void> => {
    effects.set(run.path, (effects.get(run.path) ?? 0) + 1);
    const storedAt = checkpoints.get(run.idempotencyKey);
    if (storedAt !== undefined && storedAt < (workers.getStore()?.since ?? 0)) again.push(run.path);
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
    if (random() >= rates.crash) return;
    const worker = workers.getStore();
    if (worker) worker.isDead = true;
    throw new RunStopped("died in a node");
  };
  const deps: ExecutionDeps = {
    machine,
    plan: async () => plan,
    target: async () => {
      throw new Error("random plans start nothing else");
    },
    limits: async () => ({}),
    nodeDeps: () => ({}),
    types: randomTypes(onEffect),
    clock,
    timeLeftMs: () => (random() < (rates.yields ?? 0) ? 0 : 900_000),
    log: () => undefined,
  };
  const created = await createExecution({ ...systemCtx("test", { clock }), spaceId }, spaceId, {
    executionId: newId("execution"),
    workflowId: newId("workflow"),
    version: "v1.0.0",
    mode: "async",
    trigger: { type: "manual" },
    input: { value },
    deadlineMs: clock.now() + 86_400_000,
    sliceMs: random() < 0.3 ? 60_000 : 0,
    nodeTotal: plan.root.nodes.length,
    depth: 0,
  });
  if (!created) throw new Error("the execution exists");
  await startLanes(deps, created, [{ segmentId: firstSegment(plan).id, step: 0 }]);
  await machine.drain(deps, faults, rates);
  await takeOver(deps, created, clock, machine, faults, rates);
  const row = await getExecution(created);
  const output = (await outcomeOf(row))?.output;
  return { row, output, effects, machine, again };
}

/** The sweeper's part: while the execution is open and no lane is left, two sweepers look at it, and it goes on. */
async function takeOver(
  deps: ExecutionDeps,
  key: ExecutionRow,
  clock: ManualClock,
  machine: ChaosMachine,
  faults: { set rate(rate: number) },
  rates: FaultRates,
): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    const row = await getExecution(key);
    if (isTerminal(row.status)) break;
    clock.advance(CHECK_INTERVAL_MS + 60_000);
    faults.rate = round === 0 ? rates.crash : 0;
    const swept = await Promise.allSettled([sweepOne(deps, row), sweepOne(deps, row)]);
    faults.rate = 0;
    for (const result of swept) if (result.status === "rejected" && !hasCrash(result.reason)) throw result.reason;
    machine.wakeLost();
    await machine.drain(deps, faults, rates);
  }
  machine.wakeLost();
  await machine.drain(deps, faults, rates);
}
