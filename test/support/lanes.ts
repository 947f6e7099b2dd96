import { AsyncLocalStorage } from "node:async_hooks";
import type { ExecutionDeps } from "@weft/core/execution/deps";
import { runLane, startLanes } from "@weft/core/execution/lane";
import type { LaneInput, LaneRoute, Machine } from "@weft/core/execution/machine";
import { createExecution, type ExecutionRow, getExecution, outcomeOf } from "@weft/core/execution/store";
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

/** The worker that runs a task: a node in it can say that it died. */
const workers = new AsyncLocalStorage<{ isDead: boolean }>();

/** Makes the process's database calls fail at random: before they are sent, or after they were carried out. */
export function faultyStore(random: () => number): { set rate(rate: number); remove(): void } {
  let chance = 0;
  const name = "weftFaults";
  documentClient().middlewareStack.add(
    (next) => async (args) => {
      const roll = random();
      if (roll < chance / 2) throw new Crash("died before a database call");
      const result = await next(args);
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
}

/** Step Functions' side of lanes, with a scheduler that delivers in any order, twice, and to workers that die. */
export class ChaosMachine implements Machine {
  readonly started = new Map<string, LaneInput>();
  readonly #tasks: Task[] = [];
  readonly #random: () => number;
  readonly stopped: string[] = [];
  deliveries = 0;

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
        if (route === "died") this.#tasks.push(batch[index] as Task);
        else if (route.next === "step") this.#tasks.push({ input: route });
        else if (route.next !== "done") throw new Error(`unexpected route ${route.next}`);
      }
    }
  }

  async #deliver(deps: ExecutionDeps, task: Task, rates: FaultRates): Promise<LaneRoute | "died"> {
    const once = async (): Promise<LaneRoute | "died"> => {
      this.deliveries += 1;
      const worker = { isDead: false };
      try {
        const route = await workers.run(worker, () => runLane(deps, task.input));
        return worker.isDead ? "died" : route;
      } catch (thrown) {
        if (!hasCrash(thrown)) throw thrown;
        return "died";
      }
    };
    if (this.#random() >= rates.twice) return once();
    if (this.#random() < 0.5) {
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
  const clock = new ManualClock();
  const spaceId = newId("space");
  const effects = new Map<string, number>();
  const machine = new ChaosMachine(random);
  const onEffect = async (run: NodeRun): Promise<void> => {
    effects.set(run.path, (effects.get(run.path) ?? 0) + 1);
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
    if (random() >= rates.crash) return;
    const worker = workers.getStore();
    if (worker) worker.isDead = true;
    throw new RunStopped("died in a node");
  };
  const deps: ExecutionDeps = {
    machine,
    plan: async () => plan,
    nodeDeps: () => ({}),
    types: randomTypes(onEffect),
    clock,
    timeLeftMs: () => 900_000,
    log: () => undefined,
  };
  const created = await createExecution({ ...systemCtx("test", { clock }), spaceId }, spaceId, {
    executionId: newId("execution"),
    workflowId: newId("workflow"),
    version: "v1.0.0",
    mode: "async",
    trigger: { type: "manual" },
    input: { value },
    deadlineMs: clock.now() + 3_600_000,
    sliceMs: random() < 0.3 ? 60_000 : 0,
    nodeTotal: plan.root.nodes.length,
    depth: 0,
  });
  if (!created) throw new Error("the execution exists");
  await startLanes(deps, created, [{ segmentId: firstSegment(plan).id, step: 0 }]);
  await machine.drain(deps, faults, rates);
  const row = await getExecution(created);
  const output = (await outcomeOf(row))?.output;
  return { row, output, effects, machine, again: [] };
}
