import { isObject, type Json, type JsonObject } from "../json.ts";
import { checkAssign, checkResultPath, checkTarget, type StateScope } from "./validate-state.ts";
import { checkExpressions, checkTemplate } from "./validate-text.ts";

const RETRY_FIELDS = [
  "ErrorEquals",
  "IntervalSeconds",
  "MaxAttempts",
  "BackoffRate",
  "MaxDelaySeconds",
  "JitterStrategy",
  "Comment",
];
const CATCH_FIELDS = {
  JSONPath: ["ErrorEquals", "Next", "ResultPath", "Assign", "Comment"],
  JSONata: ["ErrorEquals", "Next", "Output", "Assign", "Comment"],
};
/** Largest values that the States Language takes. */
const MAX_ATTEMPTS = 99_999_999;
const MAX_DELAY_SECONDS = 31_622_400;

/** Retry and Catch of a state. */
export function checkErrorHandling(state: JsonObject, scope: StateScope): void {
  each(state.Retry, `${scope.statePath}/Retry`, scope, checkRetrier);
  each(state.Catch, `${scope.statePath}/Catch`, scope, checkCatcher);
}

type Check = (item: JsonObject, path: string, scope: StateScope) => void;

function each(list: Json | undefined, path: string, scope: StateScope, check: Check): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) {
    scope.findings.add(path, "Must be a list");
    return;
  }
  for (const [i, item] of list.entries()) {
    const itemPath = `${path}[${i}]`;
    if (!isObject(item)) scope.findings.add(itemPath, "Must be an object");
    else {
      checkErrorEquals(item.ErrorEquals, itemPath, i === list.length - 1, scope);
      check(item, itemPath, scope);
    }
  }
}

function checkErrorEquals(names: Json | undefined, path: string, isLast: boolean, scope: StateScope): void {
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === "string")) {
    scope.findings.add(`${path}/ErrorEquals`, "ErrorEquals must be a list of names that is not empty");
    return;
  }
  if (names.includes("States.ALL") && (names.length > 1 || !isLast)) {
    scope.findings.add(`${path}/ErrorEquals`, "States.ALL must appear alone and in the last place");
  }
}

function checkRetrier(item: JsonObject, path: string, scope: StateScope): void {
  const { findings } = scope;
  for (const key of Object.keys(item))
    if (!RETRY_FIELDS.includes(key)) findings.add(`${path}/${key}`, "Field is not supported");
  const whole = (field: string, min: number, max: number): void => {
    const value = item[field];
    if (value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max))
      return;
    findings.add(`${path}/${field}`, `${field} must be an integer from ${min} to ${max}`);
  };
  whole("IntervalSeconds", 1, MAX_ATTEMPTS);
  whole("MaxAttempts", 0, MAX_ATTEMPTS);
  whole("MaxDelaySeconds", 1, MAX_DELAY_SECONDS);
  const { BackoffRate: rate, JitterStrategy: jitter } = item;
  if (rate !== undefined && !(typeof rate === "number" && rate >= 1))
    findings.add(`${path}/BackoffRate`, "BackoffRate must be at least 1");
  if (jitter !== undefined && jitter !== "FULL" && jitter !== "NONE") {
    findings.add(`${path}/JitterStrategy`, "JitterStrategy must be FULL or NONE");
  }
}

function checkCatcher(item: JsonObject, path: string, scope: StateScope): void {
  const { findings } = scope;
  for (const key of Object.keys(item)) {
    if (!CATCH_FIELDS[scope.stateLanguage].includes(key)) findings.add(`${path}/${key}`, "Field is not supported");
  }
  checkTarget(item.Next, `${path}/Next`, scope);
  checkAssign(item.Assign, `${path}/Assign`, scope);
  if (scope.stateLanguage === "JSONata") {
    checkExpressions(item, path, findings);
    return;
  }
  checkResultPath(item.ResultPath, `${path}/ResultPath`, scope);
  if (item.Assign !== undefined) checkTemplate(item.Assign, `${path}/Assign`, findings);
}
