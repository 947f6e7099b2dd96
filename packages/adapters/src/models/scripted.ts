import { createHash } from "node:crypto";
import type { Embeddings, ProviderCall, ProviderEvent, ProviderTarget, Ranking } from "@weft/core/model/model.provider";
import { ScriptedConnection, type ScriptedRule } from "@weft/core/model/scripted.schema";
import type { ModelMessage } from "@weft/engine/model";
import { sleep } from "@weft/engine/run/policy";
import { cutOff, statusFailure } from "./failure.ts";

/** About as many as tokenizers make of English. */
const CHARS_PER_TOKEN = 4;
const WORD = /[\p{L}\p{N}]+/gu;

/** Replies that are data: the same call has the same reply, whenever and wherever it is made. */
export const scripted = {
  async *stream(call: ProviderCall, signal: AbortSignal): AsyncGenerator<ProviderEvent> {
    const { rules } = ScriptedConnection.parse(call.connection);
    const said = heard(call.messages);
    const rule = rules.find((one) => holds(one, call, said));
    const text = rule ? filled(rule.reply.text, said) : said.input;
    const { reasoning = "", toolCalls = [], pieceChars, delayMs = 0, error, usage } = rule?.reply ?? {};
    const pieces = piecesOf(text, pieceChars);
    const isBroken = (at: number) => error !== undefined && at === Math.min(error.afterPieces, pieces.length);
    signal.throwIfAborted();
    if (reasoning !== "" && !isBroken(0)) yield { type: "reasoning", text: reasoning };
    for (const [at, piece] of pieces.entries()) {
      if (delayMs > 0) await sleep(delayMs, signal);
      signal.throwIfAborted();
      if (error && isBroken(at)) throw failureOf(error);
      yield { type: "text", text: piece };
    }
    if (pieces.length === 0 && delayMs > 0) await sleep(delayMs, signal);
    signal.throwIfAborted();
    if (error) throw failureOf(error);
    for (const [at, { name, input }] of toolCalls.entries()) {
      yield { type: "tool_call", call: { id: `call_${said.turn}_${at}`, name, input } };
    }
    const finishReason = rule?.reply.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop");
    const tokens = usage ?? {
      inputTokens: tokensIn(call.messages.map(textOf).join("\n")),
      outputTokens: tokensIn(text + reasoning + (toolCalls.length > 0 ? JSON.stringify(toolCalls) : "")),
    };
    yield { type: "done", finishReason, tokens };
  },

  embed({ connection }: ProviderTarget, texts: readonly string[]): Embeddings {
    const { dimensions } = ScriptedConnection.parse(connection);
    return { vectors: texts.map((text) => vectorOf(text, dimensions)), tokens: tokensIn(texts.join("\n")) };
  },

  rerank(query: string, documents: readonly string[], topN: number): Ranking {
    const wanted = new Set(wordsOf(query));
    const scores = documents.map((text, index) => {
      const words = new Set(wordsOf(text));
      const shared = [...wanted].filter((word) => words.has(word)).length;
      return { index, score: wanted.size === 0 ? 0 : shared / wanted.size };
    });
    return { ranking: scores.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, topN) };
  },
};

interface Said {
  input: string;
  system: string;
  /** The tool result that ends the messages. */
  result: { name: string; content: string } | undefined;
  turn: number;
}

function heard(messages: readonly ModelMessage[]): Said {
  const last = messages.at(-1);
  const input = messages.findLast(({ role }) => role === "user");
  return {
    input: input ? textOf(input) : "",
    system: messages
      .filter(({ role }) => role === "system")
      .map(textOf)
      .join("\n"),
    result: last?.role === "tool" ? { name: last.name, content: last.content } : undefined,
    turn: messages.filter(({ role }) => role === "assistant").length,
  };
}

function holds({ when }: ScriptedRule, call: ProviderCall, said: Said): boolean {
  const { text, system, tool, resultOf, turn, json } = when;
  if (text !== undefined && !said.input.toLowerCase().includes(text.toLowerCase())) return false;
  if (system !== undefined && !said.system.toLowerCase().includes(system.toLowerCase())) return false;
  if (tool !== undefined && !call.tools?.some(({ name }) => name === tool)) return false;
  if (resultOf !== undefined && (!said.result || (resultOf !== "*" && said.result.name !== resultOf))) return false;
  if (turn !== undefined && said.turn !== turn) return false;
  return json === undefined || json === (call.format?.type === "json");
}

const PLACE = /\{\{(input|result)\}\}/g;

function filled(text: string, { input, result }: Said): string {
  return text.replaceAll(PLACE, (_place, name: string) => (name === "input" ? input : (result?.content ?? "")));
}

function failureOf({ status, message, retryAfterMs }: NonNullable<ScriptedRule["reply"]["error"]>) {
  return status === 0 ? cutOff() : statusFailure(status, message, retryAfterMs);
}

function piecesOf(text: string, size: number | undefined): string[] {
  const letters = Array.from(text);
  if (letters.length === 0) return [];
  if (size === undefined) return [text];
  return Array.from({ length: Math.ceil(letters.length / size) }, (_, at) =>
    letters.slice(at * size, (at + 1) * size).join(""),
  );
}

function textOf(message: ModelMessage): string {
  if (typeof message.content === "string") return message.content;
  return message.content.map((part) => (part.type === "text" ? part.text : `[${part.type}]`)).join("\n");
}

function tokensIn(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

/** Each word adds to one place of the vector, which one its hash says; texts that share words are near. */
function vectorOf(text: string, dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0);
  for (const word of wordsOf(text)) {
    const hash = createHash("sha256").update(word).digest();
    const at = hash.readUInt32LE(0) % dimensions;
    vector[at] = (vector[at] ?? 0) + (((hash[4] ?? 0) & 1) === 0 ? 1 : -1);
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
