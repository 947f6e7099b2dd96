import { DURABLE_PAUSE_MS } from "../limits.ts";
import type { NodeDefinition, NodeDone, NodeResult, NodeRun, NodeSuspend } from "../node.ts";
import { NodeError } from "../node.ts";
import { DEFAULT_PORT, type PlanNode } from "../plan.ts";
import {
  addUsage,
  metered,
  type NodeErrorData,
  type NodeRecord,
  type Pin,
  type SuspendRecord,
  type Usage,
} from "../record.ts";
import { fillNull } from "../values/types.ts";
import { nodeRun } from "./context.ts";
import { resolveInputs } from "./inputs.ts";
import { isKind, masked, NodeFailed, RunBroken, type RunIo, RunStopped } from "./io.ts";
import { absorbed, errorData, nextDelayMs, type RetryCounts, sleep, withTimeout } from "./policy.ts";
import type { Scope } from "./scope.ts";

/** A node that could not go on: it waits for something outside, or time ran out. */
export interface NodeBlocked {
  blocked: true;
  waiting: string[];
  yielded: boolean;
}

export type NodeOutcome = NodeRecord | NodeBlocked;

export function isBlocked(value: unknown): value is NodeBlocked {
  return typeof value === "object" && value !== null && "blocked" in value;
}

/**
 * Runs one node with its policy: inputs, tries, timeouts, fallback. The record it gives is not stored yet. Throws
 * {@link NodeFailed} when the execution is to fail and RunStopped when it is no longer ours.
 */
export function runNode(
  scope: Scope,
  node: PlanNode,
  io: RunIo,
  prior: NodeRecord | undefined,
): NodeOutcome | Promise<NodeOutcome> {
  const definition = io.types.get(node.type);
  if (!definition) throw new Error(`node type ${node.type} is not installed`);
  const path = scope.prefix + node.id;
  const pin = io.pins?.get(node.id);
  const base = {
    path,
    nodeId: node.id,
    type: node.type,
    title: node.title,
    startedAt: prior?.startedAt ?? io.now(),
  };
  io.emit({ type: "node_started", path, nodeId: node.id, nodeType: node.type, title: node.title, at: base.startedAt });
  if (pin) return pinned(base, pin, io);
  if (node.effectful || node.policy.retry || node.policy.retryOn || node.policy.timeoutMs !== undefined) {
    return runWithPolicy(scope, node, definition, io, prior, base);
  }
  let inputs: Record<string, unknown> | Promise<Record<string, unknown>> = {};
  const fail = (thrown: unknown): NodeRecord => failed(node, base, io, thrown, inputs, 1);
  const finish = (result: NodeResult): NodeOutcome => finished(node, definition, base, io, inputs, result, 1, prior);
  const invoke = (): NodeOutcome | Promise<NodeOutcome> => {
    const run = nodeRun(scope, node, io, inputs as Record<string, unknown>, 1, io.signal, prior);
    const result = definition.run(run);
    return result instanceof Promise ? result.then(finish, fail) : finish(result);
  };
  try {
    inputs = resolveInputs(scope, node, definition, io);
    if (inputs instanceof Promise) {
      return inputs
        .then((values) => {
          inputs = values;
          return invoke();
        })
        .catch(fail);
    }
    return invoke();
  } catch (thrown) {
    return fail(thrown);
  }
}

/** The record of a node that is not run. It was given no inputs: nothing asks for them. */
function pinned(base: RecordBase, { output, port = DEFAULT_PORT }: Pin, io: RunIo): NodeRecord {
  return { ...base, status: "succeeded", input: null, output, port, endedAt: io.now(), attempts: 0, pinned: true };
}

type RecordBase = Pick<NodeRecord, "path" | "nodeId" | "type" | "title" | "startedAt">;

async function runWithPolicy(
  scope: Scope,
  node: PlanNode,
  definition: NodeDefinition,
  io: RunIo,
  prior: NodeRecord | undefined,
  base: RecordBase,
): Promise<NodeOutcome> {
  let inputs: Record<string, unknown> = {};
  const paused = prior?.suspend?.kind === "wait" ? prior.suspend.retry : undefined;
  let attempt = paused?.attempt ?? 0;
  const used: RetryCounts = { ...paused?.used };
  /** Of the tries that failed. What is inside a composite stays where it is, and is counted by the next try. */
  const spent: Usage = { ...paused?.spent };
  // What waits for its next try was never asked for anything that it could be resumed with.
  const resumed = paused ? undefined : prior;
  const startedAt = io.now();
  const limit = timeLimit(node, paused ? startedAt - base.startedAt : 0);
  const tries = async (signal: AbortSignal): Promise<NodeResult> => {
    inputs = await resolveInputs(scope, node, definition, io);
    for (;;) {
      attempt += 1;
      try {
        return await withTimeout(signal, node.policy.attemptTimeoutMs, (inner) =>
          definition.run(nodeRun(scope, node, io, inputs, attempt, inner, resumed)),
        );
      } catch (thrown) {
        if (isKind(thrown, NodeFailed) || isOurs(thrown) || signal.aborted) throw thrown;
        const error = errorData(thrown);
        if (!definition.composite) addUsage(spent, error.usage);
        const delay = nextDelayMs(node.policy, error, used, io.random);
        // The failure says more than that the node's time ran out in a pause.
        if (delay === undefined || (limit !== undefined && io.now() - startedAt + delay >= limit)) throw thrown;
        const isLong = delay >= DURABLE_PAUSE_MS || io.mustYield(delay);
        if (isLong && node.effectful && !resumed) {
          const before = Object.keys(spent).length > 0 ? { spent: { ...spent } } : {};
          return { suspend: "wait", until: io.now() + delay, retry: { attempt, used, ...before } };
        }
        await sleep(delay, signal);
      }
    }
  };
  try {
    const result = await withTimeout(io.signal, limit, tries);
    return finished(node, definition, base, io, inputs, result, attempt, resumed, spent);
  } catch (thrown) {
    return failed(node, base, io, thrown, inputs, attempt, spent);
  }
}

/** Milliseconds that a node has left for all its tries, of which it used some before it paused. */
function timeLimit({ policy }: PlanNode, usedMs: number): number | undefined {
  return policy.timeoutMs === undefined ? undefined : Math.max(1, policy.timeoutMs - usedMs);
}

/** Whether it is about the run and not about the node. */
function isOurs(thrown: unknown): boolean {
  return isKind(thrown, RunStopped) || isKind(thrown, RunBroken);
}

function failed(
  node: PlanNode,
  base: RecordBase,
  io: RunIo,
  thrown: unknown,
  inputs: unknown,
  attempts: number,
  spent?: Usage,
): NodeRecord {
  if (isOurs(thrown)) throw thrown;
  const error = isKind(thrown, NodeFailed) ? thrown.error : masked(io, errorData(thrown));
  const usage = isKind(thrown, NodeFailed) ? thrown.usage : (spent ?? errorData(thrown).usage ?? {});
  const data: NodeErrorData = {
    code: error.code,
    message: error.message,
    ...(error.details === undefined ? {} : { details: error.details }),
  };
  const input = inputs instanceof Promise ? null : inputs;
  const instead = absorbed(node, data);
  const record: NodeRecord = masked(io, {
    ...base,
    status: instead ? "succeeded" : "failed",
    input,
    error: data,
    endedAt: io.now(),
    attempts,
    ...metered(usage),
    ...(instead ?? {}),
  });
  if (!instead) throw isKind(thrown, NodeFailed) ? thrown : new NodeFailed(record, data);
  return record;
}

function finished(
  node: PlanNode,
  definition: NodeDefinition,
  base: RecordBase,
  io: RunIo,
  input: unknown,
  result: NodeResult,
  attempts: number,
  prior: NodeRecord | undefined,
  spent: Usage = {},
): NodeOutcome {
  if (isBlocked(result)) return result;
  if ("suspend" in result) return masked(io, waitingRecord(base, io, input, result, attempts, prior));
  return masked<NodeRecord>(io, {
    ...base,
    status: "succeeded",
    input: result.input ?? input,
    output: completeOutput(node, definition, result),
    port: result.port ?? DEFAULT_PORT,
    endedAt: io.now(),
    attempts,
    ...(result.vars ? { vars: result.vars } : {}),
    ...(result.loop ? { loop: result.loop } : {}),
    ...metered(addUsage({ ...spent }, result.usage)),
    ...(result.turns ? { turns: result.turns } : {}),
  });
}

function completeOutput(node: PlanNode, definition: NodeDefinition, result: NodeDone): Record<string, unknown> {
  const output = definition.nullOutputs ? fillNull({ ...result.output }, node.outputs) : result.output;
  return node.policy.onError === "throw" ? output : { ...output, isSuccess: true, errorBody: null };
}

function waitingRecord(
  base: RecordBase,
  io: RunIo,
  input: unknown,
  result: NodeSuspend,
  attempts: number,
  prior: NodeRecord | undefined,
): NodeRecord {
  const round = prior?.suspend?.kind === "signal" ? prior.suspend.round + 1 : 1;
  const suspend = suspendRecord(result, io.now(), round);
  // What its tries were metered for counts also where the run ends before the next one.
  const spent = suspend.kind === "wait" ? suspend.retry?.spent : undefined;
  return { ...base, status: "waiting", input, attempts, suspend, ...(spent ? { usage: spent } : {}) };
}

function suspendRecord(result: NodeSuspend, now: number, round: number): SuspendRecord {
  const state = result.state === undefined ? {} : { state: result.state };
  switch (result.suspend) {
    case "wait":
      return { kind: "wait", until: result.until, ...state, ...(result.retry ? { retry: result.retry } : {}) };
    case "signal":
      return { kind: "signal", event: result.event, round, since: now, ...state };
    case "child": {
      const { workflowId, version, commitId, input } = result;
      const commit = commitId === undefined ? {} : { commitId };
      return { kind: "child", workflowId, version, ...commit, input, since: now, ...state };
    }
  }
}

/** What a waiting record may be resumed with now; undefined while it still has to wait. */
export function resumption(record: NodeRecord, io: RunIo): NodeRun["resume"] | undefined {
  const { suspend } = record;
  if (!suspend) throw new NodeError("internal", `${record.path} waits for nothing`, { retryable: false });
  const state = suspend.state;
  if (suspend.kind === "wait") return io.now() >= suspend.until ? { state } : undefined;
  const answer = io.journal.answer(record);
  if (answer) return { state, ...answer };
  if (suspend.kind === "child" || suspend.event.timeoutMs === undefined) return undefined;
  return io.now() >= suspend.since + suspend.event.timeoutMs ? { state, timedOut: true } : undefined;
}
