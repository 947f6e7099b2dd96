import * as z from "zod";
import { loadMatcher, type Matcher } from "../items/condition.ts";
import { keyOf } from "../items/items.ts";
import { MAX_PATTERN, MAX_RULES, MAX_STRING } from "../limits.ts";
import { defineNode, type NodeDone, NodeError, type NodeRun } from "../node.ts";
import { isRecord } from "../values/json.ts";
import { isBlank } from "../values/types.ts";

const FORMATS = {
  email: z.email(),
  url: z.url({ protocol: /^https?$/ }),
  uuid: z.guid(),
  date: z.iso.date(),
  datetime: z.iso.datetime({ offset: true }),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
} as const;
type Format = keyof typeof FORMATS;
/** Longer texts have none of the formats. */
const MAX_FORMATTED = 2_048;

const rule = z.strictObject({
  input: z.string().min(1).max(128),
  required: z.boolean().default(false),
  type: z.enum(["string", "integer", "number", "boolean", "object", "list"]).optional(),
  /** Bounds of a number. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** Bounds of a text's characters, a list's items or an object's members. */
  minLength: z.int().min(0).optional(),
  maxLength: z.int().min(0).optional(),
  /** RE2 syntax; it may match anywhere in the text. */
  pattern: z.string().max(MAX_PATTERN).optional(),
  format: z.enum(Object.keys(FORMATS) as [Format, ...Format[]]).optional(),
  oneOf: z.array(z.unknown()).min(1).max(MAX_RULES).optional(),
  /** What people are told instead of our words. */
  message: z.string().max(2_000).optional(),
});
type Rule = z.output<typeof rule>;

const config = z.strictObject({
  rules: z.array(rule).min(1).max(MAX_RULES),
  /** fail: the node fails. branch: it leaves by `invalid`. */
  onInvalid: z.enum(["fail", "branch"]).default("fail"),
});
type Config = z.output<typeof config>;

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "list";
  if (Number.isInteger(value)) return "integer";
  return isRecord(value) ? "object" : typeof value;
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === "string") return [...value.slice(0, MAX_STRING)].length;
  if (Array.isArray(value)) return value.length;
  return isRecord(value) ? Object.keys(value).length : undefined;
}

function textProblem(value: unknown, rule: Rule, matcher: Matcher | undefined): string | undefined {
  const { format, pattern } = rule;
  if (format === undefined && pattern === undefined) return undefined;
  if (typeof value !== "string") return "must be a text";
  const isFormatted =
    format === undefined || (value.length <= MAX_FORMATTED && FORMATS[format].safeParse(value).success);
  if (!isFormatted) return `must be a valid ${format}`;
  if (pattern === undefined) return undefined;
  if (!matcher) throw new Error("a pattern is tested before its matcher was loaded");
  return matcher(pattern, value, false) ? undefined : "does not have the form that is asked for";
}

function problem(value: unknown, rule: Rule, matcher: Matcher | undefined): string | undefined {
  const { type, min, max, minLength, maxLength, oneOf } = rule;
  if (isBlank(value) || value === null) return rule.required ? "is required" : undefined;
  const actual = typeOf(value);
  if (type !== undefined && actual !== type && !(type === "number" && actual === "integer")) return `must be a ${type}`;
  if ((min !== undefined || max !== undefined) && typeof value !== "number") return "must be a number";
  if (min !== undefined && Number(value) < min) return `must be at least ${min}`;
  if (max !== undefined && Number(value) > max) return `must be at most ${max}`;
  const length = lengthOf(value);
  if (minLength !== undefined && (length ?? 0) < minLength) return `must have a length of at least ${minLength}`;
  if (maxLength !== undefined && (length ?? 0) > maxLength) return `must have a length of at most ${maxLength}`;
  if (oneOf && !oneOf.some((one) => keyOf(one) === keyOf(value))) return "is none of the values that are allowed";
  return textProblem(value, rule, matcher);
}

function check({ config, inputs }: NodeRun<Config>, matcher: Matcher | undefined): NodeDone {
  const errors = config.rules.flatMap((rule) => {
    const found = problem(inputs[rule.input], rule, matcher);
    return found === undefined ? [] : [{ input: rule.input, message: rule.message ?? `${rule.input} ${found}` }];
  });
  if (errors.length > 0 && config.onInvalid === "fail") {
    const message = errors.map((error) => error.message).join("; ");
    throw new NodeError("invalid_parameters", message, { retryable: false, details: { errors } });
  }
  const output = { valid: errors.length === 0, errors };
  return config.onInvalid === "fail" ? { output } : { output, port: errors.length === 0 ? "valid" : "invalid" };
}

export const checkParameters = defineNode({
  type: "check_parameters",
  title: "Check parameters",
  description: "Holds inputs against rules, and fails or takes another branch where they do not keep them.",
  category: "logic",
  config,
  effectful: false,
  portForms: [
    { name: "default", description: "The rules are kept; where they are not, the node fails." },
    { name: "valid", description: "The rules are kept, and `onInvalid` is `branch`." },
    { name: "invalid", description: "A rule is not kept, and `onInvalid` is `branch`." },
  ],
  ports: ({ onInvalid }) => (onInvalid === "fail" ? ["default"] : ["valid", "invalid"]),
  outputs: () => [
    { name: "valid", type: { type: "boolean" } },
    { name: "errors", type: { type: "list", items: { type: "object" } } },
  ],
  uses: ({ rules }) => rules.map(({ input }) => input),
  check: ({ rules }) =>
    rules.flatMap(({ min, max, minLength, maxLength }, at) =>
      (min ?? Number.NEGATIVE_INFINITY) > (max ?? Number.POSITIVE_INFINITY) ||
      (minLength ?? 0) > (maxLength ?? Number.POSITIVE_INFINITY)
        ? [{ path: `rules.${at}`, message: "nothing can keep these bounds" }]
        : [],
    ),
  run(run) {
    const hasPattern = run.config.rules.some(({ pattern }) => pattern !== undefined);
    return hasPattern ? loadMatcher().then((matcher) => check(run, matcher)) : check(run, undefined);
  },
});
