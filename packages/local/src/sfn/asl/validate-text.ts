import { isObject, type Json } from "../json.ts";
import { parseIntrinsic } from "../lang/intrinsics.ts";
import { expressionError, expressionText } from "../lang/jsonata.ts";
import { parsePath } from "../lang/jsonpath.ts";
import type { Findings } from "./diagnostics.ts";

/** Deeper values are refused: they could not be walked safely. */
const MAX_DEPTH = 100;

/** Every JSONata expression inside a value must compile. */
export function checkExpressions(value: Json, path: string, findings: Findings, depth = 0): void {
  if (depth > MAX_DEPTH) {
    findings.add(path, `Nested more than ${MAX_DEPTH} deep`);
    return;
  }
  if (typeof value === "string") {
    const text = expressionText(value);
    const error = text === undefined ? undefined : expressionError(text);
    if (error !== undefined) findings.add(path, `Invalid JSONata expression: ${error}`);
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) checkExpressions(item, `${path}[${i}]`, findings, depth + 1);
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) checkExpressions(item, `${path}/${key}`, findings, depth + 1);
  }
}

/** Every field of a payload template that ends in `.$` must be a path or a call of an intrinsic function. */
export function checkTemplate(value: Json | undefined, path: string, findings: Findings, depth = 0): void {
  if (depth > MAX_DEPTH) {
    findings.add(path, `Nested more than ${MAX_DEPTH} deep`);
    return;
  }
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) checkTemplate(item, `${path}[${i}]`, findings, depth + 1);
  }
  if (!isObject(value)) return;
  for (const [key, item] of Object.entries(value)) {
    if (!key.endsWith(".$")) checkTemplate(item, `${path}/${key}`, findings, depth + 1);
    else if (typeof item !== "string" || !(parsePath(item) ?? parseIntrinsic(item))) {
      findings.add(
        path,
        `The value for the field '${key}' must be a valid JSONPath or a valid intrinsic function call`,
      );
    }
  }
}

/** The value must be a path that this interpreter can follow. */
export function checkPath(
  value: Json | undefined,
  path: string,
  findings: Findings,
  options: { mayCall?: boolean } = {},
): void {
  if (typeof value === "string" && (parsePath(value) ?? (options.mayCall ? parseIntrinsic(value) : undefined))) return;
  findings.add(path, `Value is not a valid JSONPath that is supported here: ${JSON.stringify(value)}`);
}
