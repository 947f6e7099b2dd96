import type { NodeDefinition, NodeDone, NodeResult, NodeRun, NodeSuspend } from "../node.ts";
import { NodeError } from "../node.ts";
import { DEFAULT_PORT, type PlanNode } from "../plan.ts";
import type { NodeErrorData, NodeRecord, SuspendRecord } from "../record.ts";
import { fillNull } from "../values/types.ts";
import { nodeRun } from "./context.ts";
import { resolveInputs } from "./inputs.ts";
import { isKind, NodeFailed, RunBroken, type RunIo, RunStopped } from "./io.ts";
import { absorbed, errorData, retryDelayMs, sleep, withTimeout } from "./policy.ts";
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
  const base = {
    path,
    nodeId: node.id,
    type: node.type,
    title: node.title,
    startedAt: prior?.startedAt ?? io.now(),
  };
  io.emit({ type: "node_started", path, nodeId: node.id, nodeType: node.type, title: node.title, at: base.startedAt });
  if (node.effectful || node.policy.retry || node.policy.timeoutMs !== undefined) {
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
  let attempt = 0;
  const tries = async (signal: AbortSignal): Promise<NodeResult> => {
    inputs = await resolveInputs(scope, node, definition, io);
    for (;;) {
      attempt += 1;
      try {
        return await withTimeout(signal, node.policy.attemptTimeoutMs, (inner) =>
          definition.run(nodeRun(scope, node, io, inputs, attempt, inner, prior)),
        );
      } catch (thrown) {
        if (isKind(thrown, NodeFailed) || isOurs(thrown) || signal.aborted) throw thrown;
        const error = errorData(thrown);
        const { retry } = node.policy;
        if (!retry || attempt > retry.retries || !error.retryable) throw thrown;
        await sleep(retryDelayMs(retry, attempt, io.random(), error.retryAfterMs), signal);
      }
    }
  };
  try {
    // A composite's parts have timeouts of their own; a waiting or yielding one must not lose its place to a clock.
    const limit = definition.composite && node.policy.timeoutMs === undefined ? undefined : node.policy.timeoutMs;
    const result = await withTimeout(io.signal, limit, tries);
    return finished(node, definition, base, io, inputs, result, attempt, prior);
  } catch (thrown) {
    return failed(node, base, io, thrown, inputs, attempt);
  }
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
): NodeRecord {
  if (isOurs(thrown)) throw thrown;
  const error = isKind(thrown, NodeFailed) ? thrown.error : errorData(thrown);
  const data: NodeErrorData = {
    code: error.code,
    message: error.message,
    ...(error.details === undefined ? {} : { details: error.details }),
  };
  const input = inputs instanceof Promise ? null : inputs;
  const instead = absorbed(node, data);
  const record: NodeRecord = {
    ...base,
    status: instead ? "succeeded" : "failed",
    input,
    error: data,
    endedAt: io.now(),
    attempts,
    ...(instead ?? {}),
  };
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
): NodeOutcome {
  if (isBlocked(result)) return result;
  if ("suspend" in result) return waitingRecord(base, io, input, result, attempts, prior);
  return {
    ...base,
    status: "succeeded",
    input,
    output: completeOutput(node, definition, result),
    port: result.port ?? DEFAULT_PORT,
    endedAt: io.now(),
    attempts,
    ...(result.vars ? { vars: result.vars } : {}),
    ...(result.loop ? { loop: result.loop } : {}),
    ...(result.usage ? { usage: result.usage } : {}),
  };
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
  return { ...base, status: "waiting", input, attempts, suspend };
}

function suspendRecord(result: NodeSuspend, now: number, round: number): SuspendRecord {
  const state = result.state === undefined ? {} : { state: result.state };
  switch (result.suspend) {
    case "wait":
      return { kind: "wait", until: result.until, ...state };
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
