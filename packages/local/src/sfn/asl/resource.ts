/** How a Task waits for the work that it started. */
export type Pattern = "request" | "sync" | "sync:2" | "token";

/** What the Resource of a Task names. */
export type Resource =
  | { kind: "function"; arn: string }
  | { kind: "activity"; arn: string }
  /** `service` and `action` are those of history; `key` is `service:action`, with `aws-sdk:` before SDK calls. */
  | { kind: "service"; service: string; action: string; pattern: Pattern; key: string; resourceType: string };

const FUNCTION = /^arn:aws[\w-]*:lambda:[\w-]*:\d*:function:[\w-]+(?::[\w$-]+)?$/;
const ACTIVITY = /^arn:aws[\w-]*:states:[\w-]+:\d+:activity:.+$/;
const SERVICE = /^arn:aws[\w-]*:states:[\w-]*:\d*:(aws-sdk:)?([\w-]+):([\w]+)(\.sync:2|\.sync|\.waitForTaskToken)?$/;
const PATTERNS: Record<string, Pattern> = { ".sync": "sync", ".sync:2": "sync:2", ".waitForTaskToken": "token" };

/** The resource, or undefined when the ARN is of no known form. */
export function parseResource(arn: string): Resource | undefined {
  if (FUNCTION.test(arn)) return { kind: "function", arn };
  if (ACTIVITY.test(arn)) return { kind: "activity", arn };
  const match = SERVICE.exec(arn);
  if (!match) return undefined;
  const [, sdk, service, action, suffix] = match as unknown as [string, string?, string?, string?, string?];
  const pattern = suffix === undefined ? "request" : PATTERNS[suffix]!;
  const key = `${sdk ?? ""}${service}:${action}`;
  return { kind: "service", service: service!, action: action!, pattern, key, resourceType: `${sdk ?? ""}${service}` };
}

/** The name of the resource in history: the action with its pattern. */
export function resourceName(resource: Resource & { kind: "service" }): string {
  const suffix = { request: "", sync: ".sync", "sync:2": ".sync:2", token: ".waitForTaskToken" }[resource.pattern];
  return resource.action + suffix;
}

/** Service actions that the interpreter itself knows, with the patterns that each takes. */
export const BUILT_IN: Record<string, readonly Pattern[]> = {
  "lambda:invoke": ["request", "token"],
  "sqs:sendMessage": ["request", "token"],
  "states:startExecution": ["request", "sync", "sync:2", "token"],
  "aws-sdk:sfn:getActivityTask": ["request"],
  "aws-sdk:sfn:sendTaskSuccess": ["request"],
  "aws-sdk:sfn:sendTaskFailure": ["request"],
  "aws-sdk:sfn:sendTaskHeartbeat": ["request"],
  "aws-sdk:sfn:startExecution": ["request"],
  "aws-sdk:sfn:stopExecution": ["request"],
  "aws-sdk:sfn:describeExecution": ["request"],
};

/** Patterns of an action that the environment provides. */
export const PLUGGABLE: readonly Pattern[] = ["request", "token"];
