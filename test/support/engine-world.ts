import { egress } from "@weft/adapters/egress/http";
import type { ExecutionDeps } from "@weft/core/execution/deps";
import { registerToken } from "@weft/core/execution/events";
import type { Execution as ExecutionView, NodeTrace } from "@weft/core/execution/execution.schema";
import * as Execution from "@weft/core/execution/execution.service";
import { runState } from "@weft/core/execution/launched";
import type { LaneInput, LaneRoute, Machine } from "@weft/core/execution/machine";
import { sweep } from "@weft/core/execution/sweep";
import { runFiring } from "@weft/core/trigger/trigger.firing";
import { readCanvas } from "@weft/engine/canvas";
import { compile, hasErrors, issuesError } from "@weft/engine/compile";
import type { NodeDefinition } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import type { Plan } from "@weft/engine/plan";
import { ManualClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import { isId, newId } from "@weft/kernel/ids";
import { type OutsideServer, startOutside } from "./calls.ts";
import { startFiles } from "./objects.ts";
import { startTable } from "./table.ts";

interface Lane {
  name: string;
  input: LaneInput;
  state: "ready" | "wait" | "signal" | "ended" | "stopped";
  until?: number;
  token?: string;
  path?: string;
}

/** Step Functions' side of lanes, step by step in the order that a test wants. */
export class StepMachine implements Machine {
  readonly lanes = new Map<string, Lane>();
  readonly #clock: ManualClock;
  #tokens = 0;
  /** Lanes that come to their Signal state do not register their token until `register` is called. */
  holdsTokens = false;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }
  async start(name: string, input: LaneInput): Promise<void> {
    if (!this.lanes.has(name)) this.lanes.set(name, { name, input, state: "ready" });
  }
  async stop(name: string): Promise<void> {
    const lane = this.lanes.get(name);
    if (lane && lane.state !== "ended") lane.state = "stopped";
  }
  async isRunning(name: string): Promise<boolean> {
    return ["ready", "wait", "signal"].includes(this.lanes.get(name)?.state ?? "ended");
  }
  async wake(token: string): Promise<void> {
    for (const lane of this.lanes.values()) {
      if (lane.token !== token || lane.state !== "signal") continue;
      lane.state = "ready";
      delete lane.token;
    }
  }

  ready(): Lane[] {
    for (const lane of this.lanes.values()) {
      const isTimed = lane.state === "wait" || lane.state === "signal";
      if (isTimed && lane.until !== undefined && lane.until <= this.#clock.now()) lane.state = "ready";
    }
    return [...this.lanes.values()].filter((lane) => lane.state === "ready");
  }

  /** Does one step of a lane and takes it to where its route leads. */
  async step(deps: ExecutionDeps, lane: Lane): Promise<LaneRoute> {
    const route = await (isId("firing", lane.input.executionId) ? runFiring : runState)(deps, lane.input);
    if (lane.state === "stopped") return route;
    const { spaceId, executionId, segmentId, step, epoch, hops } = route;
    lane.input = { spaceId, executionId, segmentId, step, epoch, hops };
    lane.state = route.next === "done" ? "ended" : route.next === "step" ? "ready" : route.next;
    delete lane.until;
    if (route.next === "wait") lane.until = Date.parse(route.until);
    if (route.next === "signal") {
      lane.until = this.#clock.now() + route.timeoutSeconds * 1000;
      lane.path = route.path;
      lane.token = `token-${++this.#tokens}`;
      if (!this.holdsTokens) await this.register(deps, lane);
    }
    return route;
  }

  async register(deps: ExecutionDeps, lane: Lane): Promise<void> {
    await registerToken(deps, lane.input, lane.input.epoch, lane.path ?? "", lane.token ?? "");
  }

  /** Goes on until every lane waits or ended; at most so many steps. */
  async drain(deps: ExecutionDeps, limit = 2000): Promise<void> {
    for (let steps = 0; steps < limit; steps += 1) {
      const [lane] = this.ready();
      if (!lane) return;
      await this.step(deps, lane);
    }
    throw new Error(`lanes go on after ${limit} steps`);
  }
}

/** The real execution services over a real table and bucket, with lanes and time in the test's hands. */
export interface EngineWorld {
  ctx: Ctx;
  clock: ManualClock;
  machine: StepMachine;
  outside: OutsideServer;
  deps: ExecutionDeps;
  /** Makes a workflow of a canvas, published as v1.0.0; gives what `run` of the service takes. */
  target(canvas: unknown, settings?: Execution.RunTarget["settings"]): Execution.RunTarget;
  run(target: Execution.RunTarget, request?: Partial<Execution.RunRequest>): Promise<ExecutionView>;
  /** Runs in lanes until nothing is ready. */
  runAsync(target: Execution.RunTarget, input?: Record<string, unknown>): Promise<ExecutionView>;
  drain(): Promise<void>;
  sweep(): Promise<void>;
  get(executionId: string): Promise<ExecutionView>;
  trace(executionId: string): Promise<NodeTrace[]>;
  /** Replaces what the drivers are given, for one test. */
  with(over: Partial<ExecutionDeps>): ExecutionDeps;
  close(): Promise<void>;
}

const SHARDS = 8;

export async function startEngineWorld(types: Iterable<NodeDefinition> = []): Promise<EngineWorld> {
  const [table, files, outside] = await Promise.all([startTable(), startFiles(), startOutside()]);
  const clock = new ManualClock();
  const machine = new StepMachine(clock);
  const plans = new Map<string, Plan>();
  const targets = new Map<string, Execution.RunTarget>();
  const known = new Map(nodeTypes);
  for (const definition of types) known.set(definition.type, definition);
  const ctx: Ctx = { ...systemCtx("test", { clock }), spaceId: newId("space") };
  const planOf = (workflowId: string): Plan => {
    const plan = plans.get(workflowId);
    if (!plan) throw new Error(`there is no workflow ${workflowId}`);
    return plan;
  };
  const deps: ExecutionDeps = {
    machine,
    plan: async ({ workflowId }) => planOf(workflowId),
    target: async ({ workflowId }) => {
      const target = targets.get(workflowId);
      if (!target) throw notFound("workflow", workflowId);
      return target;
    },
    limits: async ({ workflowId }) => targets.get(workflowId)?.settings ?? {},
    nodeDeps: () => ({
      http: egress({ allowLoopback: true }),
      workflows: { load: async ({ workflowId }) => ({ workflowId, version: "v1.0.0", plan: planOf(workflowId) }) },
    }),
    types: known,
    clock,
    timeLeftMs: () => 900_000,
    log: () => undefined,
  };
  const get = (executionId: string) => Execution.get(ctx, deps, executionId);
  const run: EngineWorld["run"] = (target, request = {}) =>
    Execution.run(ctx, deps, target, { input: {}, mode: "async", trigger: { type: "manual" }, ...request });
  return {
    ctx,
    clock,
    machine,
    outside,
    deps,
    target: (canvas, settings = {}) => {
      const workflowId = newId("workflow");
      const plan = compilePlan(canvas, known);
      plans.set(workflowId, plan);
      const target = { workflowId, version: "v1.0.0", plan, settings };
      targets.set(workflowId, target);
      return target;
    },
    run,
    runAsync: async (target, input = {}) => {
      const { id } = await run(target, { input });
      await machine.drain(deps);
      return get(id);
    },
    drain: () => machine.drain(deps),
    sweep: async () => {
      await sweep(deps, SHARDS);
    },
    get,
    trace: async (executionId) => (await Execution.trace(ctx, deps, executionId, { limit: 1000, depth: "all" })).items,
    with: (over) => ({ ...deps, ...over }),
    close: async () => {
      await Promise.all([table.close(), files.close(), outside.close()]);
    },
  };
}

/** Types that only a test knows are compiled as the node type that stands for them: an HTTP request of the same id. */
function compilePlan(canvas: unknown, known: ReadonlyMap<string, NodeDefinition>): Plan {
  const { plan, issues } = compile(readCanvas(canvas));
  if (hasErrors(issues)) throw issuesError(issues);
  const graphs = [plan.root];
  for (const { nodes } of graphs) {
    for (const node of nodes) {
      const type = node.title.startsWith("type:") ? node.title.slice("type:".length) : undefined;
      if (type !== undefined && known.has(type)) node.type = type;
      if (node.body) graphs.push(node.body);
    }
  }
  return plan;
}
