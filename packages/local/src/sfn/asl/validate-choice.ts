import { isObject, type Json, type JsonObject } from "../json.ts";
import { isChoiceOperator } from "../lang/choice-rules.ts";
import { checkAssign, checkTarget, type StateScope } from "./validate-state.ts";
import { checkExpressions, checkPath, checkTemplate } from "./validate-text.ts";

const RULE_FIELDS = ["Next", "Comment", "Assign", "Output", "Condition"];

/** The rules of a Choice state. */
export function checkChoice(state: JsonObject, scope: StateScope): void {
  const path = `${scope.statePath}/Choices`;
  if (!Array.isArray(state.Choices) || state.Choices.length === 0) {
    scope.findings.add(path, "Choices must be a list that is not empty");
    return;
  }
  if (state.Default !== undefined) checkTarget(state.Default, `${scope.statePath}/Default`, scope);
  for (const [i, rule] of state.Choices.entries()) checkTopRule(rule, `${path}[${i}]`, scope);
}

function checkTopRule(rule: Json, path: string, scope: StateScope): void {
  if (!isObject(rule)) {
    scope.findings.add(path, "A choice rule must be an object");
    return;
  }
  checkTarget(rule.Next, `${path}/Next`, scope);
  checkAssign(rule.Assign, `${path}/Assign`, scope);
  if (scope.stateLanguage === "JSONPath") {
    if (rule.Assign !== undefined) checkTemplate(rule.Assign, `${path}/Assign`, scope.findings);
    checkRule(rule, path, scope, 0);
    return;
  }
  checkExpressions(rule, path, scope.findings);
  if (typeof rule.Condition !== "string" && typeof rule.Condition !== "boolean") {
    scope.findings.add(path, "The field 'Condition' is required but was missing");
  }
  for (const key of Object.keys(rule)) {
    if (!RULE_FIELDS.includes(key)) scope.findings.add(`${path}/${key}`, "Field is not supported");
  }
}

const MAX_RULE_DEPTH = 50;

function checkRule(rule: Json | undefined, path: string, scope: StateScope, depth: number): void {
  const { findings } = scope;
  if (!isObject(rule) || depth > MAX_RULE_DEPTH) {
    findings.add(path, "A choice rule must be an object");
    return;
  }
  const operators = Object.keys(rule).filter((key) => ["And", "Or", "Not"].includes(key) || isChoiceOperator(key));
  if (operators.length !== 1) {
    findings.add(path, "A choice rule must have exactly one comparison");
    return;
  }
  const operator = operators[0]!;
  for (const key of Object.keys(rule)) {
    const isKnown =
      key === operator || key === "Variable" || key === "Comment" || (depth === 0 && RULE_FIELDS.includes(key));
    if (!isKnown || key === "Condition") findings.add(`${path}/${key}`, "Field is not supported");
  }
  if (operator === "Not") {
    checkRule(rule.Not, `${path}/Not`, scope, depth + 1);
    return;
  }
  if (operator === "And" || operator === "Or") {
    const inner = rule[operator];
    if (!Array.isArray(inner) || inner.length === 0) {
      findings.add(`${path}/${operator}`, "Must be a list that is not empty");
      return;
    }
    for (const [i, one] of inner.entries()) checkRule(one, `${path}/${operator}[${i}]`, scope, depth + 1);
    return;
  }
  checkPath(rule.Variable, `${path}/Variable`, findings);
  if (operator.endsWith("Path")) checkPath(rule[operator], `${path}/${operator}`, findings);
}
