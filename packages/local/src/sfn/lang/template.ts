import { runtimeFailure } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { runIntrinsic } from "./intrinsics.ts";
import { type PathScope, parsePath, readPath } from "./jsonpath.ts";

/** A path or an intrinsic function; `field` is named when it leads nowhere. */
export function readReference(text: string, field: string, scope: PathScope): Json {
  if (!text.startsWith("$")) return runIntrinsic(text, scope);
  const path = parsePath(text);
  const value = path && readPath(path, scope);
  if (value !== undefined) return value;
  const searched = path?.root === "context" ? scope.context : scope.input;
  throw runtimeFailure(
    `The JSONPath '${text}' specified for the field '${field}' could not be found in the input '${JSON.stringify(searched)}'`,
  );
}

/** Fills a payload template: fields whose name ends in `.$` are paths or intrinsic functions. */
export function fillTemplate(template: Json, scope: PathScope): Json {
  if (Array.isArray(template)) return template.map((item) => fillTemplate(item, scope));
  if (!isObject(template)) return template;
  const entries = Object.entries(template).map(([key, value]): [string, Json] =>
    key.endsWith(".$")
      ? [key.slice(0, -2), readReference(String(value), key, scope)]
      : [key, fillTemplate(value, scope)],
  );
  return Object.fromEntries(entries);
}
