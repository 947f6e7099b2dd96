import type { StateNode } from "../asl/machine.ts";
import { queryFailure, runtimeFailure, StateFailure } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { ruleHolds } from "../lang/choice-rules.ts";
import { BOOLEAN, evaluateTemplate, evaluateTyped, expressionText, STRING } from "../lang/jsonata.ts";
import { requirePath } from "../lang/jsonpath.ts";
import { fillTemplate, readReference } from "../lang/template.ts";
import { parseTimestamp } from "../lang/time.ts";
import { jsonataScope, pathScope } from "./context.ts";
import { effectiveInput, leaveJsonata, pathExit } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import type { Flow } from "./records.ts";
import { leave, resumeFlow, type Step } from "./steps.ts";

/** A Wait may not be longer: seconds and milliseconds of AWS's own limits. */
const MAX_WAIT_SECONDS = 99_999_999;
/** AWS takes delays that fit 31 bits of seconds: it refuses 24,856 days and takes 24,855. */
const MAX_WAIT_MS = (2 ** 31 - 1) * 1000;

export async function runPass(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const { definition } = node;
  if (node.language === "JSONata") return leaveJsonata(execution, flow, node, definition);
  const input = effectiveInput(execution, flow, node);
  let result = input;
  if (definition.Parameters !== undefined) {
    result = fillTemplate(definition.Parameters, pathScope(execution, flow, node, input));
  }
  if (definition.Result !== undefined) result = definition.Result;
  return leave(execution, flow, node, pathExit(execution, flow, node, result));
}

export async function runSucceed(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  if (node.language === "JSONata") return leaveJsonata(execution, flow, node, node.definition);
  return leave(execution, flow, node, pathExit(execution, flow, node, effectiveInput(execution, flow, node)));
}

export async function runFail(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const error = await failField(execution, flow, node, "Error");
  const cause = await failField(execution, flow, node, "Cause");
  throw new StateFailure({ error, cause });
}

async function failField(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  field: string,
): Promise<string | undefined> {
  const value = node.definition[field];
  if (node.language === "JSONata") {
    if (value === undefined) return undefined;
    return evaluateTyped(value, field, jsonataScope(execution, flow, node), STRING);
  }
  const path = node.definition[`${field}Path`];
  if (path === undefined) return value as string | undefined;
  const found = readReference(String(path), `${field}Path`, pathScope(execution, flow, node, flow.input));
  if (typeof found === "string") return found;
  throw runtimeFailure(`The ${field}Path field refers to a value that is not a string: ${String(path)}`);
}

export async function runChoice(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const { definition } = node;
  const rules = definition.Choices as JsonObject[];
  if (node.language === "JSONata") {
    const scope = jsonataScope(execution, flow, node);
    for (const [i, rule] of rules.entries()) {
      const path = `Choices[${i}]`;
      const { Output, Assign } = rule;
      const holds = await evaluateTyped(rule.Condition!, `${path}/Condition`, scope, BOOLEAN);
      if (holds)
        return leaveJsonata(execution, flow, node, { ...fieldsOf(Output, Assign), next: String(rule.Next), path });
    }
    const next = defaultOf(definition);
    return leaveJsonata(execution, flow, node, { ...fieldsOf(definition.Output, definition.Assign), next });
  }
  const input = effectiveInput(execution, flow, node);
  const scope = pathScope(execution, flow, node, input);
  const rule = rules.find((one) => ruleHolds(one, scope));
  const assign = (rule ?? definition).Assign;
  const assigned = assign === undefined ? undefined : (fillTemplate(assign, scope) as JsonObject);
  const next = rule ? String(rule.Next) : defaultOf(definition);
  const { OutputPath: path } = definition;
  const output = path === undefined ? input : path === null ? {} : requirePath(String(path), scope);
  return leave(execution, flow, node, { output, assigned, next });
}

function fieldsOf(output: Json | undefined, assign: Json | undefined): { Output?: Json; Assign?: Json } {
  return { ...(output === undefined ? {} : { Output: output }), ...(assign === undefined ? {} : { Assign: assign }) };
}

function defaultOf(definition: JsonObject): string {
  if (typeof definition.Default === "string") return definition.Default;
  throw new StateFailure({
    error: "States.NoChoiceMatched",
    cause: "No choice rule matched, and there is no Default.",
  });
}

export async function runWait(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const until =
    node.language === "JSONata" ? await waitJsonata(execution, flow, node) : waitJsonPath(execution, flow, node);
  if (until - execution.host.clock.now() > MAX_WAIT_MS) throw runtimeFailure("Wait state delay is too long.");
  if (until <= execution.host.clock.now()) return endWait(execution, flow, node);
  flow.block = { kind: "wait", until };
  armWait(execution, flow, until);
  return "stopped";
}

/** Sets the timer of a flow that stands in a Wait. */
export function armWait(execution: Execution, flow: Flow, until: number): void {
  execution.setTimer(flow, until, () => resumeFlow(execution, flow, (node) => endWait(execution, flow, node)));
}

async function endWait(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  if (node.language === "JSONata") return leaveJsonata(execution, flow, node, node.definition);
  return leave(execution, flow, node, pathExit(execution, flow, node, effectiveInput(execution, flow, node)));
}

function secondsAhead(execution: Execution, seconds: number): number {
  return execution.host.clock.now() + seconds * 1000;
}

async function waitJsonata(execution: Execution, flow: Flow, node: StateNode): Promise<number> {
  const { Seconds: seconds, Timestamp: timestamp } = node.definition;
  const scope = jsonataScope(execution, flow, node);
  if (seconds !== undefined) {
    const value = await evaluateTemplate(seconds, "Seconds", scope);
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_WAIT_SECONDS) {
      return secondsAhead(execution, value);
    }
    const text = expressionText(seconds) ?? String(seconds);
    throw queryFailure(
      `The JSONata expression '${text}' specified for the field 'Seconds' returned a value that is not an integer from 0 to ${MAX_WAIT_SECONDS}: ${JSON.stringify(value)}`,
      "Seconds",
    );
  }
  const value = await evaluateTyped(timestamp!, "Timestamp", scope, STRING);
  const until = parseTimestamp(value);
  if (until !== undefined) return until;
  throw queryFailure(
    `The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: ${value}`,
    "Timestamp",
  );
}

function waitJsonPath(execution: Execution, flow: Flow, node: StateNode): number {
  const { Seconds: seconds, SecondsPath: secondsPath, Timestamp: timestamp, TimestampPath: path } = node.definition;
  if (typeof seconds === "number") return secondsAhead(execution, seconds);
  if (typeof timestamp === "string") return parseTimestamp(timestamp)!;
  const scope = pathScope(execution, flow, node, effectiveInput(execution, flow, node));
  if (typeof secondsPath === "string")
    return secondsAhead(execution, secondsAt(secondsPath, requirePath(secondsPath, scope)));
  const value = requirePath(String(path), scope);
  const until = typeof value === "string" ? parseTimestamp(value) : undefined;
  if (until !== undefined) return until;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  throw runtimeFailure(
    `The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: ${String(path)} == ${shown}`,
  );
}

function secondsAt(path: string, value: Json): number {
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw runtimeFailure(`The SecondsPath parameter cannot be parsed as a long value: ${path} == ${shown}`);
  }
  if (value < 0) throw runtimeFailure(`The SecondsPath parameter references a negative value: ${path} == ${shown}`);
  return Math.min(value, MAX_WAIT_SECONDS);
}
