import type { ModelCall, ModelMessage, ModelReply } from "../model.ts";
import { type Blocked, NodeError, type NodeRun } from "../node.ts";
import type { PartDone } from "../part.ts";
import { type ModelConfig, paramsOf } from "./config.ts";

/** What is asked in one turn. */
export type Ask = Pick<ModelCall, "messages"> & Partial<Pick<ModelCall, "tools" | "toolChoice" | "format">>;

/** The model of this try: from the second one on the backup, where there is one. */
export function modelOfTry(run: Pick<NodeRun, "attempt">, model: ModelConfig, backup?: ModelConfig): ModelConfig {
  return run.attempt > 1 && backup ? backup : model;
}

function callOf(run: NodeRun, model: ModelConfig, ask: Ask, part: string): ModelCall {
  const { policy, id } = run.node;
  const timeoutMs = policy.attemptTimeoutMs ?? policy.timeoutMs;
  return {
    modelId: model.id,
    ...ask,
    params: paramsOf(model),
    ...(model.fallbacks ? { fallbackModelIds: model.fallbacks } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    scene: {
      type: "workflow",
      nodeId: id,
      executionId: run.executionId,
      ...(run.workflowId ? { entityId: run.workflowId } : {}),
    },
    idempotencyKey: `${run.idempotencyKey}/${part}`,
  };
}

/** Asks a model for one reply. With `isHeard` whoever follows the run is told of it piece by piece. */
export async function askOnce(
  run: NodeRun,
  model: ModelConfig,
  ask: Ask,
  part: string,
  isHeard = false,
): Promise<ModelReply> {
  const { models } = run.deps;
  if (!models) throw new NodeError("unavailable", "models are not available here", { retryable: false });
  if (model.id === "") throw new NodeError("unbound_model", "no model is chosen", { retryable: false });
  for await (const event of models.stream(callOf(run, model, ask, part), run.signal)) {
    if (event.type === "done") return event.reply;
    if (isHeard && event.type !== "tool_call") run.emitDelta(event.type, event.text);
  }
  throw new NodeError("model_failed", "the model's reply has no end");
}

/** A question that a node asks a model once, whatever happens after: a repeat is given the same text. */
export function askKept(
  run: NodeRun,
  model: ModelConfig,
  ask: Ask,
  part: { name: string; title: string; isLast?: boolean },
): Promise<PartDone<string> | Blocked> {
  const { name, title, isLast } = part;
  return run.keep({ name, type: "model_turn", title, input: null }, async () => {
    const { text, usage } = await askOnce(run, model, ask, name);
    return { value: text, usage, ...(isLast ? { isLast } : {}) };
  });
}

/** The messages of a conversation, as far as a node may ask for them; none where the run belongs to none. */
export async function recentMessages(run: NodeRun, rounds: number | undefined): Promise<readonly ModelMessage[]> {
  if (!rounds) return [];
  return (await run.deps.history?.recent(rounds)) ?? [];
}
