import type { ModelCall, ModelMessage, ToolCall } from "../model.ts";
import { type Blocked, NodeError, type NodeRun } from "../node.ts";
import type { PartDone } from "../part.ts";
import { askOnce } from "./call.ts";
import type { ModelConfig } from "./config.ts";
import { callTool, type OfferedTool, type ToolResult } from "./tools.ts";

/** Calls of one turn that are done; a model that asks for more is told so. */
const MAX_CALLS_AT_ONCE = 32;

export interface Conversation {
  model: ModelConfig;
  messages: readonly ModelMessage[];
  tools: ReadonlyMap<string, OfferedTool>;
  format?: ModelCall["format"];
  /** Turns of the model and rounds of tools, together, at most. */
  maxSteps: number;
  /** Whether followers hear it as it is said. */
  isHeard: boolean;
}

/** What a conversation came to. */
export interface Said {
  text: string;
  reasoning: string;
  finishReason: string;
  /** App variables that its tools set. */
  vars: Record<string, unknown>;
}

interface Turn {
  text: string;
  reasoning: string;
  finishReason: string;
  toolCalls: ToolCall[];
}

/**
 * Asks a model, does what it asks of tools side by side, and tells it what they gave, until it has nothing more to ask.
 * Each turn and each call is kept: a repeat goes on behind the last one that ended. A tool that is to answer by itself
 * ends it. Throws NodeError `too_many_steps`.
 */
export async function converse(run: NodeRun, talk: Conversation): Promise<Said | Blocked> {
  const messages: ModelMessage[] = [...talk.messages];
  const vars: Record<string, unknown> = {};
  let calls = 0;
  let steps = 0;
  const step = (): void => {
    steps += 1;
    if (steps <= talk.maxSteps) return;
    const message = `the model had not come to its answer after ${talk.maxSteps} turns and rounds of tools`;
    throw new NodeError("too_many_steps", message, { retryable: false });
  };
  for (let turn = 0; ; turn += 1) {
    step();
    const asked = await takeTurn(run, talk, messages, turn);
    if ("blocked" in asked) return asked;
    const { text, reasoning, finishReason, toolCalls } = asked.value;
    if (toolCalls.length === 0) return { text, reasoning, finishReason, vars };
    step();
    const results = await round(run, talk, toolCalls, calls);
    if ("blocked" in results) return results;
    calls += toolCalls.length;
    messages.push({ role: "assistant", content: text, toolCalls, ...(reasoning === "" ? {} : { reasoning }) });
    for (const [at, { content, isError, vars: set }] of results.entries()) {
      const { id: toolCallId, name } = toolCalls[at] as ToolCall;
      messages.push({ role: "tool", toolCallId, name, content, ...(isError ? { isError } : {}) });
      Object.assign(vars, set);
    }
    const direct = results.find((result) => result.direct);
    if (direct) return { text: direct.content, reasoning, finishReason, vars };
  }
}

function takeTurn(
  run: NodeRun,
  { model, tools, format, isHeard }: Conversation,
  messages: readonly ModelMessage[],
  turn: number,
): Promise<PartDone<Turn> | Blocked> {
  const name = `turn_${turn}`;
  return run.keep({ name, type: "model_turn", title: `Model, turn ${turn + 1}`, input: null }, async () => {
    const offered = [...tools.values()].map(({ tool }) => tool);
    const ask = {
      messages: [...messages],
      ...(offered.length > 0 ? { tools: offered } : {}),
      ...(format ? { format } : {}),
    };
    const { text, reasoning, toolCalls, finishReason, usage } = await askOnce(run, model, ask, name, isHeard);
    return { value: { text, reasoning, toolCalls, finishReason }, usage, isLast: toolCalls.length === 0 };
  });
}

/** The calls of one turn, side by side. What waits outside keeps none of the others from its end. */
async function round(
  run: NodeRun,
  { tools }: Conversation,
  toolCalls: readonly ToolCall[],
  before: number,
): Promise<ToolResult[] | Blocked> {
  const settled = await Promise.allSettled(
    toolCalls.map((call, at): Promise<PartDone<ToolResult> | Blocked> => {
      const name = `call_${before + at}`;
      return run.keep({ name, type: "tool_call", title: call.name.slice(0, 200), input: call.input }, async () => {
        if (at >= MAX_CALLS_AT_ONCE) {
          const content = `error: at most ${MAX_CALLS_AT_ONCE} tools are called at once`;
          return { value: { content, isError: true } satisfies ToolResult };
        }
        const done = await callTool(tools, call, name);
        return "blocked" in done ? done : { value: done.result, ...(done.usage ? { usage: done.usage } : {}) };
      });
    }),
  );
  const results: ToolResult[] = [];
  const blocked: Blocked = { blocked: true, waiting: [], yielded: false };
  for (const one of settled) {
    if (one.status === "rejected") throw one.reason;
    if ("blocked" in one.value) {
      blocked.waiting.push(...one.value.waiting);
      blocked.yielded ||= one.value.yielded;
    } else results.push(one.value.value);
  }
  return results.length === toolCalls.length ? results : blocked;
}
