import { isObject, type Json, type JsonObject } from "../json.ts";
import { isReferencePath } from "../lang/jsonpath.ts";
import { parseTimestamp } from "../lang/time.ts";
import { allowedFields, COMMON_FIELDS } from "./fields.ts";
import type { QueryLanguage } from "./machine.ts";
import type { Scope } from "./validate.ts";
import { checkChoice } from "./validate-choice.ts";
import { checkErrorHandling } from "./validate-errors.ts";
import { checkMap, checkParallel } from "./validate-map.ts";
import { checkTask } from "./validate-task.ts";
import { checkExpressions, checkPath, checkTemplate } from "./validate-text.ts";

export type StateScope = Scope & { statePath: string; stateLanguage: QueryLanguage };

const NEEDS_NEXT = new Set(["Pass", "Task", "Wait", "Parallel", "Map"]);
const TEMPLATES = ["Parameters", "ResultSelector", "ItemSelector", "Assign"];
const PATH_FIELDS = ["InputPath", "OutputPath", "ItemsPath", "SecondsPath", "TimestampPath"];
const VARIABLE = /^[A-Za-z_$][\w]{0,79}$/;

/** Checks one state but not the machines inside it; false when it makes no sense to look further. */
export function checkState(path: string, state: JsonObject, outer: Scope): boolean {
  const { findings } = outer;
  const own = state.QueryLanguage;
  if (own === "JSONPath" && outer.language === "JSONata") {
    findings.add(path, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
    return false;
  }
  const stateLanguage = (own ?? outer.language) as QueryLanguage;
  const allowed = allowedFields(String(state.Type), stateLanguage);
  if (!allowed) {
    findings.add(`${path}/Type`, `State type '${String(state.Type)}' is not supported`);
    return false;
  }
  for (const key of Object.keys(state)) {
    if (!COMMON_FIELDS.includes(key) && !allowed.includes(key)) {
      findings.add(`${path}/${key}`, `Field is not supported for a ${state.Type} state with ${stateLanguage}`);
    }
  }
  const scope: StateScope = { ...outer, statePath: path, stateLanguage };
  checkTransition(state, scope);
  checkData(state, scope);
  checkAssign(state.Assign, `${path}/Assign`, scope);
  checkErrorHandling(state, scope);
  if (state.Type === "Wait") checkWait(state, scope);
  if (state.Type === "Task") checkTask(state, scope);
  if (state.Type === "Choice") checkChoice(state, scope);
  if (state.Type === "Fail") checkFail(state, scope);
  if (state.Type === "Parallel") checkParallel(state, scope);
  if (state.Type === "Map") checkMap(state, scope);
  return true;
}

function checkTransition(state: JsonObject, scope: StateScope): void {
  if (!NEEDS_NEXT.has(String(state.Type))) return;
  if ((state.Next === undefined) === (state.End !== true)) {
    scope.findings.add(scope.statePath, "A state must have either 'Next' or 'End'");
  }
  if (state.Next !== undefined) checkTarget(state.Next, `${scope.statePath}/Next`, scope);
}

/** A transition must name a state of its own scope. */
export function checkTarget(target: Json | undefined, path: string, scope: Scope): void {
  if (typeof target === "string" && scope.names.has(target)) return;
  scope.findings.add(path, `Missing 'Next' target: ${String(target)}`, "MISSING_TRANSITION_TARGET");
}

function checkData(state: JsonObject, scope: StateScope): void {
  const { statePath: path } = scope;
  if (scope.stateLanguage === "JSONata") {
    for (const [field, value] of Object.entries(state)) {
      if (["Branches", "ItemProcessor", "Iterator", "Comment", "Catch", "Choices", "Retry"].includes(field)) continue;
      checkExpressions(value, `${path}/${field}`, scope.findings);
    }
    return;
  }
  for (const field of TEMPLATES)
    if (state[field] !== undefined) checkTemplate(state[field], `${path}/${field}`, scope.findings);
  for (const field of PATH_FIELDS) {
    if (state[field] !== undefined && state[field] !== null)
      checkPath(state[field], `${path}/${field}`, scope.findings);
  }
  checkResultPath(state.ResultPath, `${path}/ResultPath`, scope);
}

/** ResultPath is null or a reference path. */
export function checkResultPath(value: Json | undefined, path: string, scope: Scope): void {
  if (value === undefined || value === null) return;
  if (typeof value !== "string" || !isReferencePath(value)) scope.findings.add(path, "Value is not a Reference Path");
}

/** Variable names, and the values given to them. */
export function checkAssign(assign: Json | undefined, path: string, scope: StateScope): void {
  if (assign === undefined) return;
  if (!isObject(assign)) {
    scope.findings.add(path, "Assign must be an object");
    return;
  }
  for (const key of Object.keys(assign)) {
    const name = key.endsWith(".$") ? key.slice(0, -2) : key;
    if (!VARIABLE.test(name) || name === "states")
      scope.findings.add(`${path}/${key}`, `Invalid variable name '${name}'`);
  }
}

function checkWait(state: JsonObject, scope: StateScope): void {
  const { findings, statePath: path } = scope;
  const given = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"].filter((field) => state[field] !== undefined);
  if (given.length !== 1)
    findings.add(path, "A Wait state must have exactly one of Seconds, Timestamp, SecondsPath, TimestampPath");
  const isExpression = (value: Json): boolean =>
    scope.stateLanguage === "JSONata" && typeof value === "string" && value.startsWith("{%");
  const { Seconds: seconds, Timestamp: timestamp } = state;
  if (seconds !== undefined && !isExpression(seconds) && !(Number.isInteger(seconds) && (seconds as number) >= 0)) {
    findings.add(`${path}/Seconds`, "Seconds must be a non-negative integer");
  }
  if (timestamp === undefined || isExpression(timestamp)) return;
  // For JSONata AWS leaves a literal to the run, which fails with a query evaluation error.
  if (scope.stateLanguage === "JSONata" && typeof timestamp === "string") return;
  if (typeof timestamp !== "string" || parseTimestamp(timestamp) === undefined) {
    findings.add(`${path}/Timestamp`, "String does not match RFC3339 timestamp");
  }
}

function checkFail(state: JsonObject, scope: StateScope): void {
  const { findings, statePath: path } = scope;
  for (const field of ["Error", "Cause"]) {
    if (state[field] !== undefined && typeof state[field] !== "string")
      findings.add(`${path}/${field}`, `${field} must be a string`);
    const pathField = `${field}Path`;
    if (state[pathField] === undefined) continue;
    if (state[field] !== undefined) findings.add(path, `You cannot specify both ${field} and ${pathField}`);
    checkPath(state[pathField], `${path}/${pathField}`, findings, { mayCall: true });
  }
}
