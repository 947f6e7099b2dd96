import type { CanvasField, CanvasOnError, CanvasType } from "../canvas.ts";
import { MAX_RETRY_DELAY_MS } from "../limits.ts";
import type { ErrorPolicy, Field, PathPart, RetryPolicy, ValueType } from "../plan.ts";

/** What a policy says where the canvas only asks for retries. */
const DEFAULT_RETRY = { delayMs: 1_000, backoffRate: 2, maxDelayMs: 60_000, jitter: true };

export const ANY: ValueType = { type: "any" };

/** A canvas type with its short forms written out. */
export function valueType(type: CanvasType | undefined): ValueType {
  if (type === undefined) return ANY;
  if (typeof type === "string") return { type };
  return {
    type: type.type,
    ...(type.assist ? { assist: type.assist } : {}),
    ...(type.items ? { items: valueType(type.items) } : {}),
    ...(type.fields ? { fields: planFields(type.fields) } : {}),
  };
}

/** Declared fields as a plan keeps them. */
export function planFields(fields: readonly CanvasField[]): Field[] {
  return fields.map((field) => ({
    name: field.name,
    type: valueType(field.type),
    ...(field.required ? { required: true } : {}),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.description ? { description: field.description } : {}),
  }));
}

/** The type that a path into fields leads to; undefined where a declared object has no such member. */
export function typeAt(fields: readonly Field[], path: readonly PathPart[]): ValueType | undefined {
  let type: ValueType = { type: "object", fields: [...fields] };
  for (const part of path) {
    if (type.type === "object" && type.fields?.length) {
      const field = type.fields.find((item) => item.name === part);
      if (!field) return undefined;
      type = field.type;
    } else if (type.type === "list" && type.items) type = type.items;
    else return ANY;
  }
  return type;
}

/** The policy of a node: what its canvas says, what its type does otherwise. */
export function policyOf(onError: CanvasOnError | undefined, timeoutMs: number | undefined): ErrorPolicy {
  const limit = onError?.timeoutMs ?? timeoutMs;
  const policy: ErrorPolicy = { onError: onError?.strategy ?? "throw" };
  if (onError?.fallback !== undefined) policy.fallback = onError.fallback;
  if (limit !== undefined) policy.timeoutMs = limit;
  if (onError?.attemptTimeoutMs !== undefined) policy.attemptTimeoutMs = onError.attemptTimeoutMs;
  if (onError?.retries) policy.retry = retryPolicy(onError.retries, onError);
  if (onError?.retryOn?.length) {
    policy.retryOn = onError.retryOn.map((rule) => {
      return { codes: rule.codes.map(failureCode), ...retryPolicy(rule.retries, { ...onError, ...rule }) };
    });
  }
  if (onError?.neverRetryOn?.length) policy.neverRetryOn = onError.neverRetryOn.map(failureCode);
  return policy;
}

/** What a rule leaves out is as the node's own setting has it. */
function retryPolicy(retries: number, given: CanvasOnError): RetryPolicy {
  const delayMs = given.delayMs ?? DEFAULT_RETRY.delayMs;
  return {
    retries,
    delayMs,
    backoffRate: given.backoffRate ?? DEFAULT_RETRY.backoffRate,
    maxDelayMs: given.maxDelayMs ?? Math.min(MAX_RETRY_DELAY_MS, Math.max(DEFAULT_RETRY.maxDelayMs, delayMs)),
    jitter: given.jitter ?? DEFAULT_RETRY.jitter,
  };
}

/** `429` and `5xx` are the statuses `http_429` and `http_5xx`. */
function failureCode(code: string): string {
  return /^\d/.test(code) ? `http_${code}` : code;
}

/** Fields that a node gains by absorbing its failures. */
export const ERROR_FIELDS: readonly Field[] = [
  { name: "isSuccess", type: { type: "boolean" } },
  {
    name: "errorBody",
    type: {
      type: "object",
      fields: [
        { name: "errorMessage", type: { type: "string" } },
        { name: "errorCode", type: { type: "string" } },
      ],
    },
  },
];
