import { FINISH_REASON } from "@weft/engine/model";
import * as z from "zod";

const MAX_TEXT = 100_000;
const MAX_MATCH = 2_000;
const MAX_RULES = 200;
const MAX_CALLS = 20;
const MAX_DELAY_MS = 60_000;
export const MAX_SCRIPTED_DIMENSIONS = 2_048;

const Failure = z.strictObject({
  /** As the provider would answer: 429 is a rate limit, 5xx passes. 0 cuts the stream off. */
  status: z.int().min(0).max(599),
  message: z.string().max(MAX_MATCH).default("scripted error"),
  retryAfterMs: z.int().min(0).max(3_600_000).optional(),
  /** Pieces of the text that come before it. */
  afterPieces: z.int().min(0).max(1_000).default(0),
});

export const ScriptedRule = z
  .strictObject({
    /** All of them have to hold; a rule without any always does. */
    when: z
      .strictObject({
        /** In the last user message, whatever its case. */
        text: z.string().max(MAX_MATCH).optional(),
        /** In the system messages. */
        system: z.string().max(MAX_MATCH).optional(),
        /** A tool that is offered. */
        tool: z.string().max(64).optional(),
        /** The last message is the result of this tool; `*` of any. */
        resultOf: z.string().max(64).optional(),
        /** Assistant messages so far. */
        turn: z.int().min(0).max(1_000).optional(),
        /** A reply in JSON is asked for. */
        json: z.boolean().optional(),
      })
      .prefault({}),
    reply: z.strictObject({
      /** `{{input}}` stands for the last user message, `{{result}}` for the last tool result. */
      text: z.string().max(MAX_TEXT).default(""),
      reasoning: z.string().max(MAX_TEXT).default(""),
      toolCalls: z
        .array(z.strictObject({ name: z.string().min(1).max(64), input: z.record(z.string(), z.unknown()) }))
        .max(MAX_CALLS)
        .default([]),
      finishReason: z.enum(FINISH_REASON).optional(),
      /** Characters of each piece; all at once where nothing is said. */
      pieceChars: z.int().min(1).max(MAX_TEXT).optional(),
      /** Before each piece. */
      delayMs: z.int().min(0).max(MAX_DELAY_MS).default(0),
      usage: z.strictObject({ inputTokens: z.int().min(0), outputTokens: z.int().min(0) }).optional(),
      error: Failure.optional(),
    }),
  })
  .meta({ id: "ScriptedRule" });
export type ScriptedRule = z.output<typeof ScriptedRule>;

/** A model whose replies are data: for tests and demonstrations. The first rule that holds answers. */
export const ScriptedConnection = z
  .strictObject({
    rules: z.array(ScriptedRule).max(MAX_RULES).default([]),
    /** Of embeddings, which are made of the words of a text. */
    dimensions: z.int().min(2).max(MAX_SCRIPTED_DIMENSIONS).default(64),
  })
  .meta({ id: "ScriptedConnection" });
export type ScriptedConnection = z.output<typeof ScriptedConnection>;
