import * as z from "zod";
import { MAX_WAIT_MS } from "../limits.ts";
import { defineNode, NodeError, type NodeRun } from "../node.ts";

const config = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("duration"),
    /** Milliseconds, or the input that says how many. */
    ms: z.union([z.int().min(0).max(MAX_WAIT_MS), z.strictObject({ input: z.string() })]),
  }),
  z.strictObject({
    mode: z.literal("until"),
    /** A time in ISO 8601 with its zone, or the input that says which. */
    until: z.union([z.iso.datetime({ offset: true }), z.strictObject({ input: z.string() })]),
  }),
]);
type Config = z.output<typeof config>;

function dueAt(run: NodeRun<Config>): number {
  const { config, inputs } = run;
  if (config.mode === "duration") {
    const ms = typeof config.ms === "number" ? config.ms : Number(inputs[config.ms.input] ?? Number.NaN);
    return run.now() + ms;
  }
  const until = typeof config.until === "string" ? config.until : inputs[config.until.input];
  return typeof until === "number" ? until : Date.parse(String(until));
}

export const wait = defineNode({
  type: "wait",
  title: "Wait",
  description: "Waits for a time or until a moment, up to a year.",
  category: "flow",
  config,
  effectful: true,
  waits: true,
  uses: (config) => {
    const source = config.mode === "duration" ? config.ms : config.until;
    return typeof source === "object" ? [source.input] : [];
  },
  n8n: ["n8n-nodes-base.wait"],
  run(run) {
    if (run.resume) return { output: {} };
    const until = dueAt(run);
    if (!Number.isFinite(until))
      throw new NodeError("invalid_value", "the wait has no valid end", { retryable: false });
    const latest = run.now() + MAX_WAIT_MS;
    if (until > latest) throw new NodeError("invalid_value", "a wait lasts at most a year", { retryable: false });
    return until <= run.now() ? { output: {} } : { suspend: "wait", until };
  },
});
