import { isObject, type Json, type JsonObject } from "../json.ts";
import { type Diagnostic, Findings } from "./diagnostics.ts";
import { innerDefinitions, type QueryLanguage } from "./machine.ts";
import { checkState } from "./validate-state.ts";

/** What a definition may use besides the built-in integrations. */
export interface ValidationOptions {
  isExpress: boolean;
  /** `service:action` keys of the environment's integrations. */
  integrations: ReadonlySet<string>;
}

export interface Scope {
  path: string;
  language: QueryLanguage;
  isExpress: boolean;
  names: ReadonlySet<string>;
  options: ValidationOptions;
  findings: Findings;
}

const MACHINE_FIELDS = ["Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"];
const INNER_FIELDS = ["Comment", "StartAt", "States"];
const MAX_STATE_NAME = 80;
/** A machine may not nest deeper than this here; AWS bounds it by the size of the definition. */
const MAX_NESTING = 50;

/** Parses a definition's text; findings that AWS reports for text that is no JSON object. */
export function parseDefinition(text: string): { definition?: JsonObject; diagnostics: Diagnostic[] } {
  let parsed: Json;
  try {
    parsed = JSON.parse(text) as Json;
  } catch {
    return { diagnostics: [text.trim() === "" ? notAnObject() : notJson(text)] };
  }
  return isObject(parsed) ? { definition: parsed, diagnostics: [] } : { diagnostics: [notAnObject()] };
}

function notAnObject(): Diagnostic {
  return { severity: "ERROR", code: "SCHEMA_VALIDATION_FAILED", message: "Definition must be a valid JSON object" };
}

function notJson(text: string): Diagnostic {
  const token = /^\s*([A-Za-z]\w*)/.exec(text)?.[1];
  const column = (/^\s*/.exec(text)?.[0].length ?? 0) + (token?.length ?? 0) + 1;
  const location = `[Source: (String)"${text}"; line: 1, column: ${column}]`;
  const reason =
    token === undefined
      ? "The definition is not valid JSON"
      : `Unrecognized token '${token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')`;
  return { severity: "ERROR", code: "INVALID_JSON_DESCRIPTION", message: `${reason}\n at ${location}`, location };
}

/** Everything that is wrong with a definition, or that this interpreter does not run; empty when it may be created. */
export function validateDefinition(definition: JsonObject, options: ValidationOptions): Diagnostic[] {
  const findings = new Findings();
  const language = definition.QueryLanguage ?? "JSONPath";
  if (language !== "JSONPath" && language !== "JSONata") {
    findings.add("/QueryLanguage", "QueryLanguage must be JSONPath or JSONata");
    return findings.list;
  }
  for (const key of Object.keys(definition)) {
    if (!MACHINE_FIELDS.includes(key)) findings.add(`/${key}`, "Field is not supported");
  }
  const timeout = definition.TimeoutSeconds;
  if (timeout !== undefined && !(Number.isInteger(timeout) && (timeout as number) > 0)) {
    findings.add("/TimeoutSeconds", "TimeoutSeconds must be a positive integer");
  }
  if (definition.Version !== undefined && definition.Version !== "1.0") {
    findings.add("/Version", "Version must be 1.0");
  }
  checkScope(definition, "", { isExpress: options.isExpress, language, options, findings }, 0);
  return findings.list;
}

type Around = Pick<Scope, "isExpress" | "language" | "options" | "findings">;

function checkScope(definition: JsonObject, path: string, around: Around, depth: number): void {
  const { findings } = around;
  const missing = ["States", "StartAt"].filter((field) => definition[field] === undefined);
  if (missing.length > 0) {
    findings.add(path || "/", `These fields are required: [${missing.join(", ")}]`);
    return;
  }
  const states = definition.States;
  if (!isObject(states)) {
    findings.add(`${path}/States`, "States must be an object");
    return;
  }
  if (depth > MAX_NESTING) {
    findings.add(path, `States are nested more than ${MAX_NESTING} deep`);
    return;
  }
  const names = new Set(Object.keys(states));
  if (typeof definition.StartAt !== "string" || !names.has(definition.StartAt)) {
    const message = `Missing 'StartAt' target: ${String(definition.StartAt)}`;
    findings.add(`${path}/StartAt`, message, "MISSING_TRANSITION_TARGET");
  }
  const scope: Scope = { ...around, path, names };
  for (const [name, state] of Object.entries(states)) {
    if (name.length > MAX_STATE_NAME) findings.add(`${path}/States/${name}`, "State name is longer than 80 characters");
    if (!isObject(state)) findings.add(`${path}/States/${name}`, "A state must be an object");
    else checkStateAndInner(name, state, scope, depth);
  }
}

function checkStateAndInner(name: string, state: JsonObject, scope: Scope, depth: number): void {
  const path = `${scope.path}/States/${name}`;
  if (!checkState(path, state, scope)) return;
  for (const [i, inner] of innerDefinitions(state).entries()) {
    const field = state.Type === "Parallel" ? `Branches[${i}]` : state.ItemProcessor ? "ItemProcessor" : "Iterator";
    const innerPath = `${path}/${field}`;
    for (const key of Object.keys(inner)) {
      const isKnown = INNER_FIELDS.includes(key) || (key === "ProcessorConfig" && state.Type === "Map");
      if (!isKnown) scope.findings.add(`${innerPath}/${key}`, "Field is not supported");
    }
    const config = isObject(inner.ProcessorConfig) ? inner.ProcessorConfig : {};
    const around: Around = {
      ...scope,
      isExpress: scope.isExpress || config.ExecutionType === "EXPRESS",
    };
    checkScope(inner, innerPath, around, depth + 1);
  }
}
