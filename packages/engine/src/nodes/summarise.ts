import * as z from "zod";
import { MAX_STRING, MODEL_TIMEOUT_MS } from "../limits.ts";
import { askKept, modelOfTry } from "../llm/call.ts";
import { modelConfig, modelIds, modelIssues } from "../llm/config.ts";
import { splitText } from "../llm/split.ts";
import { type Blocked, defineNode, NodeError, type NodeRun } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

const CHUNK_SIZE = 12_000;
const MAX_CHUNK_SIZE = 200_000;
/** Parts of one text: as many calls of the model, and more to join them. */
const MAX_CHUNKS = 500;
const AT_ONCE = 5;
/** How often summaries are summarised: a model that makes texts no shorter would never end. */
const MAX_LEVELS = 8;

const SUMMARISE = "Write a concise summary of the text in the last message. Reply with the summary and nothing else.";
const REFINE =
  "The last message holds a summary of the beginning of a text, and then what follows in the text. Write the summary anew so that it covers both. Reply with the summary and nothing else.";

const config = z.strictObject({
  model: modelConfig.prefault({}),
  /** Takes the model's place from the second try on. */
  backup: modelConfig.optional(),
  /** What is summarised, as a template. */
  text: z.string().max(MAX_STRING).default("{{text}}"),
  /** What the summary is to be like, as a template; it takes the place of the usual instruction. */
  instruction: z.string().max(MAX_STRING).default(""),
  /** map_reduce: parts side by side, then their summaries. refine: one after the other. whole: in one go. */
  method: z.enum(["map_reduce", "refine", "whole"]).default("map_reduce"),
  /** Characters of a part, and how many of them the next one repeats. */
  chunkSize: z.int().min(200).max(MAX_CHUNK_SIZE).default(CHUNK_SIZE),
  overlap: z.int().min(0).max(20_000).default(0),
});
type Config = z.output<typeof config>;

interface Summary {
  text: string;
}

async function summary(
  run: NodeRun<Config>,
  rule: string,
  text: string,
  name: string,
  isLast: boolean,
): Promise<Summary | Blocked> {
  const { model, backup } = run.config;
  const messages = [
    { role: "system" as const, content: rule },
    { role: "user" as const, content: text },
  ];
  const part = { name, title: isLast ? "Model" : `Model, ${name.replaceAll("_", " ")}`, isLast };
  const asked = await askKept(run, modelOfTry(run, model, backup), { messages }, part);
  return "blocked" in asked ? asked : { text: asked.value };
}

function chunksOf({ config: { chunkSize, overlap } }: NodeRun<Config>, text: string): string[] {
  const chunks = splitText(text, chunkSize, Math.min(overlap, Math.floor(chunkSize / 2)));
  if (chunks.length <= MAX_CHUNKS) return chunks;
  throw new NodeError("too_large", `the text has more than ${MAX_CHUNKS} parts: make them larger`, {
    retryable: false,
  });
}

async function mapReduce(run: NodeRun<Config>, rule: string, whole: string): Promise<Summary | Blocked> {
  let text = whole;
  for (let level = 0; level < MAX_LEVELS; level += 1) {
    const chunks = chunksOf(run, text);
    if (chunks.length <= 1) break;
    const summaries: string[] = [];
    for (let from = 0; from < chunks.length; from += AT_ONCE) {
      const some = chunks.slice(from, from + AT_ONCE);
      const settled = await Promise.allSettled(
        some.map((chunk, at) => summary(run, rule, chunk, `part_${level}_${from + at}`, false)),
      );
      for (const one of settled) {
        if (one.status === "rejected") throw one.reason;
        if ("blocked" in one.value) return one.value;
        summaries.push(one.value.text);
      }
    }
    text = summaries.join("\n\n");
  }
  return summary(run, rule, text, "whole", true);
}

async function refine(run: NodeRun<Config>, rule: string, whole: string): Promise<Summary | Blocked> {
  const chunks = chunksOf(run, whole);
  let text = "";
  for (const [at, chunk] of chunks.entries()) {
    const isLast = at === chunks.length - 1;
    const given = at === 0 ? chunk : `Summary so far:\n${text}\n\nWhat follows:\n${chunk}`;
    const next = await summary(
      run,
      at === 0 ? rule : `${REFINE}\n\n${rule}`,
      given,
      isLast ? "whole" : `part_0_${at}`,
      isLast,
    );
    if ("blocked" in next) return next;
    text = next.text;
  }
  return { text };
}

export const summarise = defineNode({
  type: "summarise",
  title: "Summarise",
  description: "Has a model summarise a text of any length: in parts and then their summaries, or part after part.",
  category: "model",
  config,
  effectful: true,
  keeps: true,
  zeroInputs: true,
  nullOutputs: true,
  timeoutMs: MODEL_TIMEOUT_MS,
  outputs: () => [{ name: "output", type: { type: "string" } }],
  models: ({ model, backup }) => modelIds(model, backup),
  check: ({ model, backup }) => [...modelIssues(model), ...modelIssues(backup, "backup")],
  async run(run) {
    const { config, inputs } = run;
    const text = renderTemplate(config.text, inputs);
    if (text.trim() === "") return { output: { output: "" } };
    const rule = renderTemplate(config.instruction, inputs) || SUMMARISE;
    const method = { map_reduce: mapReduce, refine, whole: () => summary(run, rule, text, "whole", true) };
    const done = await method[config.method](run, rule, text);
    return "blocked" in done ? done : { output: { output: done.text } };
  },
});
