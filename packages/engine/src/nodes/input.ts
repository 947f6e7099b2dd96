import type { FieldIssue } from "@weft/kernel/errors";
import * as z from "zod";
import { fieldsOf, pick, textOf } from "../coze/read.ts";
import { MAX_WAIT_MS } from "../limits.ts";
import { defineNode, NodeError } from "../node.ts";
import type { Field } from "../plan.ts";
import { convertFields } from "../values/convert.ts";
import { readInput } from "../values/input.ts";
import { isRecord, setOwn, tryParseJson } from "../values/json.ts";
import { fillNull } from "../values/types.ts";

/** `key:value` lines, as people answer a form in a chat. A line without a colon goes on with the value before. */
function readLines(text: string, fields: readonly Field[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const names = new Set(fields.map((field) => field.name));
  let last: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const colon = line.search(/[:：]/);
    const name = colon < 0 ? "" : line.slice(0, colon).trim();
    if (names.has(name)) {
      setOwn(values, name, line.slice(colon + 1).trim());
      last = name;
    } else if (last !== undefined && line.trim() !== "") {
      setOwn(values, last, `${values[last]}\n${line}`);
    }
  }
  return values;
}

/** What came in for a form, as a record: an object, its JSON text, or `key:value` lines. */
export function readAnswer(data: unknown, fields: readonly Field[]): Record<string, unknown> {
  if (isRecord(data)) return data;
  if (typeof data !== "string") return {};
  const parsed = tryParseJson(data);
  return isRecord(parsed) ? parsed : readLines(data, fields);
}

/**
 * What keeps an answer from being taken for a form: that it is none, or a required field that it lacks. Paths begin with
 * `data`. A form that is left empty is an answer without fields.
 */
export function answerIssues(data: unknown, fields: readonly Field[]): FieldIssue[] {
  const given = readAnswer(data, fields);
  const isEmpty = data === null || data === undefined || data === "" || fields.length === 0;
  const isForm = isEmpty || isRecord(data) || Object.keys(given).length > 0;
  if (!isForm)
    return [{ path: "data", message: "give an object of the fields, its JSON text, or lines of `name: value`" }];
  const { missing } = readInput(fields, given);
  return missing.map((name) => ({ path: `data.${name}`, message: "is required" }));
}

export const input = defineNode({
  type: "input",
  title: "Input",
  description: "Asks for the declared fields in a form and waits for them.",
  category: "human",
  config: z.strictObject({
    message: z.string().max(4_000).optional(),
    /** Milliseconds until the node fails with `timeout`; absent: as long as the execution may last. */
    timeoutMs: z.int().min(1).max(MAX_WAIT_MS).optional(),
  }),
  effectful: true,
  waits: true,
  nullOutputs: true,
  coze: {
    id: "30",
    key: "InputReceiver",
    displayKey: "Input",
    read: ({ data, inputs }) => {
      const declared = fieldsOf(pick(data, "outputs"));
      const schema = tryParseJson(textOf(inputs, "outputSchema") ?? "");
      return { config: {}, outputs: declared.length > 0 ? declared : fieldsOf(schema) };
    },
  },
  run({ config, node, resume }) {
    const policy = new Set(["isSuccess", "errorBody"]);
    const fields = node.outputs.filter((field) => !policy.has(field.name));
    if (!resume) {
      const data = { kind: "form", fields, ...(config.message ? { message: config.message } : {}) };
      const timeout = config.timeoutMs === undefined ? {} : { timeoutMs: config.timeoutMs };
      return { suspend: "signal", event: { type: "input", data, ...timeout } };
    }
    if (resume.error) throw new NodeError(resume.error.code, resume.error.message, { retryable: false });
    if (resume.timedOut) throw new NodeError("timeout", "no input came in time", { retryable: false });
    const [issue] = answerIssues(resume.data, fields);
    if (issue) throw new NodeError("invalid_answer", `${issue.path}: ${issue.message}`, { retryable: false });
    const given = readAnswer(resume.data, fields);
    const known: Record<string, unknown> = {};
    for (const { name } of fields) if (Object.hasOwn(given, name)) setOwn(known, name, given[name]);
    const output = fillNull(convertFields(known, fields), fields);
    return { input: output, output };
  },
});
