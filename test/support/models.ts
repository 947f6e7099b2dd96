import type { FinishReason, ModelCall, ModelEvent, ModelReply, Models, ToolCall } from "@weft/engine/model";
import { NodeError } from "@weft/engine/node";
import type { Usage } from "@weft/engine/record";

/** What a scripted model says to one call. */
export interface ScriptedReply {
  text?: string;
  /** The text in the pieces that it comes in. */
  chunks?: string[];
  reasoning?: string;
  toolCalls?: ToolCall[];
  finishReason?: FinishReason;
  usage?: Usage;
  /** It fails with this message instead. */
  error?: string;
  errorCode?: string;
  retryable?: boolean;
  /** Said after so many milliseconds, unless the call is given up. */
  delayMs?: number;
}

type Script = (call: ModelCall, index: number) => ScriptedReply | string;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** A provider whose replies are data: the next of a list, or what a function makes of the call. */
export class ScriptedModels implements Models {
  readonly calls: ModelCall[] = [];
  readonly #script: Script;

  constructor(script: Script | readonly (ScriptedReply | string)[]) {
    this.#script =
      typeof script === "function"
        ? script
        : (_call, index) => {
            const reply = script[index];
            if (reply === undefined) throw new Error(`the model is asked a ${index + 1}th time`);
            return reply;
          };
  }

  async *stream(call: ModelCall, signal: AbortSignal): AsyncGenerator<ModelEvent> {
    const index = this.calls.push(call) - 1;
    const said = this.#script(call, index);
    const reply: ScriptedReply = typeof said === "string" ? { text: said } : said;
    if (reply.delayMs !== undefined) await pause(reply.delayMs, signal);
    const { usage = {}, reasoning = "", toolCalls = [] } = reply;
    if (reply.error !== undefined) {
      const retryable = reply.retryable ?? true;
      throw new NodeError(reply.errorCode ?? "model_failed", reply.error, { retryable, usage });
    }
    const chunks = reply.chunks ?? (reply.text ? [reply.text] : []);
    if (reasoning !== "") yield { type: "reasoning", text: reasoning };
    for (const text of chunks) yield { type: "text", text };
    for (const one of toolCalls) yield { type: "tool_call", call: one };
    const finishReason = reply.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop");
    const done: ModelReply = {
      text: chunks.join(""),
      reasoning,
      toolCalls,
      finishReason,
      usage,
      modelId: call.modelId,
      requestId: `req_${index}`,
    };
    yield { type: "done", reply: done };
  }
}
