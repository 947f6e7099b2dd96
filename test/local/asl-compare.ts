import { isObject, type Json, type JsonObject } from "@weft/local/sfn/json";
import type { Fixture } from "./asl-fixture.ts";

/** Anything in angle brackets stands for a value that changes per run. */
const BRACKETED = /<{1,2}[\w .:-]+>{0,1}(?::\d+)?>/;
/** Values that changed per run and that the files hold without declaring them: replaced names, and names as recorded. */
const UNDECLARED = /activity_arn|a_message_id|map_run_arn|no-such-queue-[0-9a-f]{8}/;

/** Matches recorded values, in which wildcards stand for what changes per run. */
export class Matcher {
  readonly #wildcards: string[];
  readonly #ignored: Set<string>;

  constructor(fixture: Fixture) {
    this.#wildcards = fixture.wildcards ?? [];
    this.#ignored = new Set([...(fixture.ignoreKeys ?? []), "SdkHttpMetadata", "SdkResponseMetadata"]);
  }

  matches(expected: Json | undefined, actual: Json | undefined): boolean {
    if (typeof expected === "string") return this.#text(expected, actual);
    if (Array.isArray(expected)) {
      if (!Array.isArray(actual) || actual.length !== expected.length) return false;
      return expected.every((item, i) => this.matches(item, actual[i]));
    }
    if (!isObject(expected)) return expected === actual;
    return isObject(actual) && this.#object(expected, actual);
  }

  #object(expected: JsonObject, actual: JsonObject): boolean {
    const keys = (value: JsonObject): string[] => Object.keys(value).filter((key) => !this.#ignored.has(key));
    // AWS added the number of redrives to the context object after some of the recordings.
    const actualKeys = keys(actual).filter((key) => key !== "RedriveCount" || key in expected);
    const expectedKeys = keys(expected);
    if (expectedKeys.length !== actualKeys.length) return false;
    return expectedKeys.every((key) => key in actual && this.matches(expected[key], actual[key]));
  }

  #text(expected: string, actual: Json | undefined): boolean {
    if (expected === actual) return true;
    if (actual === undefined) return false;
    if (this.#wildcards.includes(expected) || new RegExp(`^${BRACKETED.source}$`).test(expected)) return true;
    if (typeof actual !== "string") return false;
    const tokens = this.#wildcards.filter((token) => token.includes("<")).map(literal);
    const parts = expected.split(new RegExp([...tokens, BRACKETED.source, UNDECLARED.source].join("|")));
    if (parts.length === 1) return false;
    return new RegExp(`^${parts.map(literal).join("[\\s\\S]+")}$`).test(actual);
  }

  /** A cause that AWS sent as JSON text is recorded as the value; of a Lambda error type and message count. */
  matchesCause(expected: Json | undefined, actual: string | undefined): boolean {
    if (!isObject(expected)) return this.matches(expected, actual);
    let parsed: Json;
    try {
      parsed = JSON.parse(actual ?? "") as Json;
    } catch {
      return false;
    }
    if (!isObject(parsed)) return false;
    if (!("errorType" in expected)) return this.matches(expected, parsed);
    return expected.errorType === parsed.errorType && expected.errorMessage === parsed.errorMessage;
  }

  #event(expected: JsonObject, actual: JsonObject): boolean {
    return Object.entries(expected).every(([key, value]) => {
      if (key === "cause") return this.matchesCause(value, actual.cause as string | undefined);
      return this.matches(value, actual[key]);
    });
  }

  /** Why two histories differ, or undefined when they do not. */
  compareEvents(expected: JsonObject[], actual: JsonObject[], order: "strict" | "any" | "partial"): string | undefined {
    if (order === "strict") {
      const at = expected.findIndex((event, i) => !actual[i] || !this.#event(event, actual[i]));
      if (at >= 0) return `event ${at + 1}: expected ${show(expected[at])}, got ${show(actual[at])}`;
      return expected.length === actual.length
        ? undefined
        : `${actual.length - expected.length} more events: ${show(actual[expected.length])}`;
    }
    const left = [...actual];
    for (const event of expected) {
      const at = left.findIndex((candidate) => this.#event(event, candidate));
      if (at < 0) return `no event like ${show(event)}`;
      left.splice(at, 1);
    }
    const extra = left.filter((event) => order === "any" || !String(event.type).startsWith("ParallelState"));
    return extra.length === 0 ? undefined : `more events: ${show(extra[0])}`;
  }
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}

/** An event of our history in the form of the recordings. */
export function flatEvent(event: JsonObject): JsonObject {
  const flat: JsonObject = { type: event.type! };
  for (const details of Object.values(event)) if (isObject(details)) Object.assign(flat, details);
  for (const key of ["input", "output", "parameters"]) {
    if (typeof flat[key] === "string") flat[key] = JSON.parse(flat[key]) as Json;
  }
  if (isObject(flat.assignedVariables)) {
    const entries = Object.entries(flat.assignedVariables).map(([name, text]) => [
      name,
      JSON.parse(String(text)) as Json,
    ]);
    flat.assigned = Object.fromEntries(entries) as JsonObject;
  }
  return flat;
}
