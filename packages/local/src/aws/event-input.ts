import type { BusEvent } from "./events.ts";

/** What a rule makes of an event for its target, in CloudFormation's words; without any, the event itself. */
export interface TargetInput {
  /** A constant, as JSON text. */
  input?: string;
  /** A path such as `$.detail.id`. */
  inputPath?: string;
  inputTransformer?: { pathsMap?: Record<string, string>; template: string };
}

/** The target's input for the event. */
export function inputOf(target: TargetInput, event: BusEvent): unknown {
  if (target.input !== undefined) return JSON.parse(target.input);
  if (target.inputPath !== undefined) return atPath(target.inputPath, event);
  if (target.inputTransformer) return transform(target.inputTransformer, event);
  return event;
}

/** EventBridge's paths are names and indexes only. */
function atPath(path: string, event: unknown): unknown {
  const steps = path.replace(/^\$\.?/, "").match(/[^.[\]"']+/g) ?? [];
  let value = event;
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

function transform(transformer: NonNullable<TargetInput["inputTransformer"]>, event: BusEvent): unknown {
  const values = new Map<string, unknown>([
    ["aws.events.event.json", event],
    ["aws.events.event", event],
  ]);
  for (const [name, path] of Object.entries(transformer.pathsMap ?? {})) values.set(name, atPath(path, event));
  const text = fill(transformer.template, values);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Inside quotes a text stands bare; outside, every value is JSON. */
function fill(template: string, values: Map<string, unknown>): string {
  let isQuoted = false;
  return template.replace(/\\.|"|<([^<>\s]+)>/gs, (token, name: string | undefined) => {
    if (token === '"') isQuoted = !isQuoted;
    if (name === undefined || !values.has(name)) return token;
    const json = JSON.stringify(values.get(name) ?? "");
    if (!isQuoted) return json;
    return json.startsWith('"') ? json.slice(1, -1) : JSON.stringify(json).slice(1, -1);
  });
}
