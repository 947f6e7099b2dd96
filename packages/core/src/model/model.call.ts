import type { DeepReadonly } from "@weft/db/cache";
import type { ModelCall, ModelEvent, ModelParams, ModelReply, Models } from "@weft/engine/model";
import { NodeError } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import { SecretMask } from "@weft/kernel/mask";
import type { ModelDeps } from "./model.deps.ts";
import { callable, type ModelRow, named } from "./model.find.ts";
import { openTarget } from "./model.open.ts";
import type { ProviderCall, ProviderEvent } from "./model.provider.ts";
import { CallRecord, callFailure } from "./model.record.ts";
import { type Capability, MAX_FALLBACKS, type ParamSchema } from "./model.schema.ts";
import { cancelled, mayTryAgain, trySignal } from "./model.try.ts";
import { beyond, checkParams, estimateTokens, withFormat } from "./params.ts";
import { reserve } from "./quota.ts";

/** Models as everything else calls them, in the ctx's space and for the ctx's actor. */
export function modelsFor(ctx: Ctx, deps: ModelDeps): Models {
  return { stream: (call, signal) => streamCall(ctx, deps, call, signal) };
}

/** A model to try, or why there is none under its name. */
type Candidate = { modelId: string; params: ModelParams } | { failure: unknown };

/** How far a call has come with one model. */
interface Progress {
  mask: SecretMask;
  /** Something of the reply was given on: no other try and no other model may begin it anew. */
  isGiven: boolean;
  requestId?: string;
}

async function* streamCall(
  ctx: Ctx,
  deps: ModelDeps,
  call: ModelCall,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent> {
  let failure: NodeError | undefined;
  let fallbackOf: string | undefined;
  for (const candidate of await candidatesOf(ctx, call)) {
    const progress: Progress = { mask: new SecretMask(), isGiven: false };
    try {
      if ("failure" in candidate) throw candidate.failure;
      const params = { ...candidate.params, ...call.params };
      yield* oneModel(ctx, deps, { ...call, ...candidate, params }, { progress, signal, fallbackOf });
      return;
    } catch (thrown) {
      failure = signal.aborted ? cancelled() : callFailure(thrown, progress.mask);
      if (progress.isGiven || signal.aborted) break;
      fallbackOf = progress.requestId ?? fallbackOf;
    }
  }
  throw failure ?? cancelled();
}

async function candidatesOf(ctx: Ctx, { modelId, fallbackModelIds = [] }: ModelCall): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const seen = new Set<string>();
  for (const name of [modelId, ...fallbackModelIds].slice(0, 1 + MAX_FALLBACKS)) {
    try {
      const { modelIds, params } = await named(ctx, name);
      const fresh = modelIds.filter((id) => !seen.has(id));
      for (const id of fresh) seen.add(id);
      found.push(...fresh.map((id) => ({ modelId: id, params })));
    } catch (failure) {
      found.push({ failure });
    }
  }
  return found;
}

interface Place {
  progress: Progress;
  signal: AbortSignal;
  fallbackOf: string | undefined;
}

async function* oneModel(ctx: Ctx, deps: ModelDeps, call: ModelCall, place: Place): AsyncGenerator<ModelEvent> {
  const { progress, signal, fallbackOf } = place;
  const first = await callable(ctx, call.modelId, "llm");
  const asked = prepared(call, first);
  const ledger = new CallRecord(ctx, deps, first, { operation: "chat", scene: call.scene, fallbackOf });
  progress.requestId = ledger.requestId;
  try {
    for (let attempt = 1; ; attempt += 1) {
      ledger.attempts = attempt;
      try {
        // Read anew for each try: what it is opened with may have changed.
        const row = attempt === 1 ? first : await callable(ctx, call.modelId, "llm");
        yield* oneTry(
          ctx,
          deps,
          { ...asked, ...(await opened(ctx, deps, row, call, progress.mask)) },
          {
            ...{ row, ledger, progress, signal, estimate: estimateTokens(call, asked.params.maxTokens) },
          },
        );
        return;
      } catch (thrown) {
        const failure = signal.aborted ? cancelled() : callFailure(thrown, progress.mask);
        ledger.failed(failure);
        const again = !progress.isGiven && (await mayTryAgain(deps, first, failure, attempt, signal));
        if (!again) throw signal.aborted ? cancelled() : failure;
      }
    }
  } finally {
    await ledger.write();
  }
}

async function opened(ctx: Ctx, deps: ModelDeps, row: DeepReadonly<ModelRow>, call: ModelCall, mask: SecretMask) {
  return { ...(await openTarget(ctx, deps, row, mask)), timeoutMs: call.timeoutMs ?? row.timeoutMs };
}

/** What goes to the provider whatever the try. Throws NodeError `invalid_input` for what the model cannot do. */
function prepared(
  call: ModelCall,
  row: DeepReadonly<ModelRow>,
): Pick<ProviderCall, "messages" | "params" | "tools" | "toolChoice" | "format" | "idempotencyKey"> {
  const capability = row.capability as Capability;
  const given = { ...(row.defaults as ModelParams), ...defined(call.params ?? {}) };
  const { params, issues } = checkParams(given, row.parameters as ParamSchema[], capability);
  const [issue] = issues;
  const cannot = beyond(call, capability);
  if (issue || cannot) {
    const message = issue ? `params.${issue.path}: ${issue.message}` : `model ${row.modelId}: ${cannot}`;
    throw new NodeError("invalid_input", message, { retryable: false, details: { issues } });
  }
  const { messages, format } = withFormat(call.messages, call.format, capability);
  return {
    ...{ messages, params, idempotencyKey: call.idempotencyKey },
    ...(format ? { format } : {}),
    ...(call.tools?.length ? { tools: call.tools } : {}),
    ...(call.toolChoice ? { toolChoice: call.toolChoice } : {}),
  };
}

function defined(params: ModelParams): ModelParams {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}

interface Try {
  row: DeepReadonly<ModelRow>;
  ledger: CallRecord;
  progress: Progress;
  signal: AbortSignal;
  estimate: number;
}

async function* oneTry(ctx: Ctx, deps: ModelDeps, call: ProviderCall, place: Try): AsyncGenerator<ModelEvent> {
  const { row, ledger, progress, signal, estimate } = place;
  const reservation = await reserve(ctx, row as ModelRow, estimate);
  const timed = trySignal(signal, call.timeoutMs);
  const reply = new Reply(progress.mask);
  /** Null where the provider was not heard of: then nothing was used. */
  let used: number | null = 0;
  try {
    for await (const event of deps.providers.stream(call, timed.signal)) {
      if (event.type !== "done") {
        // From here on it may have cost whatever it was taken to cost.
        used = null;
        ledger.firstToken();
        for (const shown of reply.add(event)) {
          progress.isGiven = true;
          yield shown;
        }
        continue;
      }
      const usage = ledger.succeeded(event.tokens, event.finishReason);
      used = usage.totalTokens || null;
      progress.isGiven = true;
      yield* reply.rest();
      const { modelId } = row;
      yield { type: "done", reply: { ...reply.whole(event), usage, modelId, requestId: ledger.requestId } };
      return;
    }
    throw new NodeError("model_failed", "the reply ended without its end", { details: { reason: "cut_off" } });
  } catch (thrown) {
    throw timed.signal.aborted ? timed.signal.reason : thrown;
  } finally {
    timed.end();
    if (used !== null) await reservation.settle(used);
  }
}

/** Gathers a reply, and holds back what may be the beginning of a secret until it is known not to be one. */
class Reply {
  readonly #mask: SecretMask;
  readonly #held = { text: "", reasoning: "" };
  readonly #said = { text: "", reasoning: "" };
  readonly #toolCalls: ModelReply["toolCalls"] = [];

  constructor(mask: SecretMask) {
    this.#mask = mask;
  }

  *add(event: Exclude<ProviderEvent, { type: "done" }>): Generator<ModelEvent> {
    if (event.type === "tool_call") {
      const call = this.#mask.mask(event.call);
      this.#toolCalls.push(call);
      yield* this.rest();
      yield { type: "tool_call", call };
      return;
    }
    const { shown, held } = this.#mask.part(this.#mask.mask(this.#held[event.type] + event.text));
    this.#held[event.type] = held;
    if (shown !== "") yield this.#say(event.type, shown);
  }

  *rest(): Generator<ModelEvent> {
    for (const type of ["reasoning", "text"] as const) {
      const held = this.#held[type];
      this.#held[type] = "";
      if (held !== "") yield this.#say(type, held);
    }
  }

  whole({ finishReason, continuation }: Extract<ProviderEvent, { type: "done" }>) {
    return {
      ...this.#said,
      toolCalls: this.#toolCalls,
      finishReason,
      ...(continuation === undefined ? {} : { continuation: this.#mask.mask(continuation) }),
    };
  }

  #say(type: "text" | "reasoning", text: string): ModelEvent {
    this.#said[type] += text;
    return { type, text };
  }
}
