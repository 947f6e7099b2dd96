import type { ModelMessage } from "../model.ts";
import type { Blocked, NodeRun } from "../node.ts";
import type { Field } from "../plan.ts";
import type { Usage } from "../record.ts";
import { convertFields } from "../values/convert.ts";
import { isRecord, setOwn, stableStringify } from "../values/json.ts";
import { askKept } from "./call.ts";
import type { ModelConfig } from "./config.ts";
import { recordIn } from "./reply.ts";
import { objectSchema } from "./schema.ts";

/** What a node asked of a person, and what was answered. */
export interface Message {
  type: "question" | "answer";
  content: string;
}

/** What was read from an answer. */
export interface Read {
  fields: Record<string, unknown>;
  /** What is to be asked next, in the model's words. */
  question?: string;
  usage?: Usage;
}

const withRule = (rule: string, said: string): string => (said === "" ? rule : `${rule}\n\n${said}`);

/** The declared fields that a talk has given so far, by a model that is asked once for each answer. */
export async function readByModel(
  run: NodeRun,
  model: ModelConfig,
  said: string,
  messages: readonly Message[],
  wanted: readonly Field[],
): Promise<Read | Blocked> {
  const schema = stableStringify(objectSchema(wanted));
  const rule = `Read these fields from what the person answers. Their JSON Schema: ${schema}\nReply with one JSON object and nothing else: {"fields": {what is known}} where every required field is known, else {"fields": {what is known}, "question": what to ask the person for the rest}. Never guess a value.`;
  const talk = messages.map(
    ({ type, content }): ModelMessage => ({ role: type === "question" ? "assistant" : "user", content }),
  );
  const answers = messages.filter(({ type }) => type === "answer").length;
  const part = { name: `answer_${answers}`, title: `Model, answer ${answers}` };
  const ask = { messages: [{ role: "system" as const, content: withRule(rule, said) }, ...talk] };
  const asked = await askKept(run, model, { ...ask, format: { type: "json" } }, part);
  if ("blocked" in asked) return asked;
  const reply = recordIn(asked.value) ?? {};
  const given = isRecord(reply.fields) ? reply.fields : reply;
  const values: Record<string, unknown> = {};
  for (const { name } of wanted) {
    if (Object.hasOwn(given, name) && given[name] !== null) setOwn(values, name, given[name]);
  }
  const question = typeof reply.question === "string" && reply.question.trim() !== "" ? reply.question : undefined;
  return {
    fields: convertFields(values, wanted),
    ...(question === undefined ? {} : { question }),
    ...(asked.usage ? { usage: asked.usage } : {}),
  };
}

const letterOf = (at: number): string => String.fromCharCode(65 + at);

/** The option that a reply names by its letter or its text; -1 for none. */
function optionIn(reply: string, options: readonly string[]): number {
  const said = reply.trim();
  const exact = options.indexOf(said);
  if (exact >= 0) return exact;
  const letter = /^[^A-Za-z0-9]*([A-Z])(?![A-Za-z0-9])/.exec(said)?.[1];
  const at = letter === undefined ? -1 : letter.charCodeAt(0) - 65;
  return at < options.length ? at : -1;
}

/** The option that an answer means which is none of them by the letter; -1 where it means none. */
export async function meantOption(
  run: NodeRun,
  model: ModelConfig,
  options: readonly string[],
  answer: string,
): Promise<number | Blocked> {
  const list = options.map((option, at) => `${letterOf(at)}. ${option}`).join("\n");
  const rule = `Decide which of these options the answer in the last message means:\n${list}\n\nReply with its letter and nothing else, or with 0 where it means none of them.`;
  const messages: ModelMessage[] = [
    { role: "system", content: rule },
    { role: "user", content: answer },
  ];
  const asked = await askKept(run, model, { messages }, { name: "option", title: "Model", isLast: true });
  return "blocked" in asked ? asked : optionIn(asked.value, options);
}
