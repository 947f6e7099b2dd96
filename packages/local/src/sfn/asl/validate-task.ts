import { isObject, type JsonObject } from "../json.ts";
import { BUILT_IN, PLUGGABLE, parseResource, type Resource } from "./resource.ts";
import type { StateScope } from "./validate-state.ts";
import { checkPath } from "./validate-text.ts";

/** Most seconds that a timeout may have. */
const MAX_TIMEOUT_SECONDS = 99_999_999;

/** Resource, timeouts and credentials of a Task. */
export function checkTask(state: JsonObject, scope: StateScope): void {
  const { findings, statePath: path } = scope;
  if (typeof state.Resource !== "string") {
    findings.add(path, "The field 'Resource' is required but was missing");
    return;
  }
  const resource = parseResource(state.Resource);
  if (resource) checkResource(resource, scope);
  else findings.add(`${path}/Resource`, `Resource '${state.Resource}' is not supported`);
  checkSeconds(state, "TimeoutSeconds", scope);
  checkSeconds(state, "HeartbeatSeconds", scope);
  const { TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat, Credentials: credentials } = state;
  if (typeof timeout === "number" && typeof heartbeat === "number" && heartbeat >= timeout) {
    findings.add(`${path}/HeartbeatSeconds`, "HeartbeatSeconds must be smaller than TimeoutSeconds");
  }
  if (credentials === undefined) return;
  if (!isObject(credentials) || (credentials.RoleArn ?? credentials["RoleArn.$"]) === undefined) {
    findings.add(`${path}/Credentials`, "The field 'RoleArn' is required but was missing");
  }
}

function checkResource(resource: Resource, scope: StateScope): void {
  const path = `${scope.statePath}/Resource`;
  const { findings } = scope;
  if (resource.kind === "function") return;
  if (resource.kind === "activity") {
    if (scope.isExpress) findings.add(path, "Express state machine does not support Activity ARN");
    return;
  }
  if (scope.isExpress && resource.pattern === "token") {
    findings.add(path, "Express state machine does not support '.waitForTaskToken' service integration ");
    return;
  }
  if (scope.isExpress && resource.pattern.startsWith("sync")) {
    findings.add(path, "Express state machine does not support '.sync' service integration");
    return;
  }
  const patterns = BUILT_IN[resource.key] ?? (scope.options.integrations.has(resource.key) ? PLUGGABLE : undefined);
  if (!patterns) findings.add(path, `The integration '${resource.key}' is not supported`);
  else if (!patterns.includes(resource.pattern)) {
    findings.add(path, `The integration '${resource.key}' does not support the pattern '${resource.pattern}'`);
  }
}

function checkSeconds(state: JsonObject, field: string, scope: StateScope): void {
  const { findings, statePath: path } = scope;
  const value = state[field];
  const isExpression = scope.stateLanguage === "JSONata" && typeof value === "string";
  const isWhole = Number.isInteger(value) && (value as number) > 0 && (value as number) <= MAX_TIMEOUT_SECONDS;
  if (value !== undefined && !isExpression && !isWhole)
    findings.add(`${path}/${field}`, `${field} must be a positive integer`);
  const pathField = `${field}Path`;
  if (state[pathField] === undefined) return;
  if (value !== undefined) findings.add(path, `You cannot specify both ${field} and ${pathField}`);
  checkPath(state[pathField], `${path}/${pathField}`, findings);
}
