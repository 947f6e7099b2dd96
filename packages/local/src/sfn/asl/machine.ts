import { isObject, type JsonObject } from "../json.ts";
import { parseResource, type Resource } from "./resource.ts";

export type QueryLanguage = "JSONPath" | "JSONata";

export interface StateNode {
  name: string;
  type: string;
  definition: JsonObject;
  language: QueryLanguage;
  /** The machines inside a Parallel or Map state. */
  scopes: ScopeNode[];
  isDistributed: boolean;
  resource: Resource | undefined;
}

export interface ScopeNode {
  /** Names the scope within its machine; stored with the flows that run in it. */
  key: string;
  startAt: string;
  states: Map<string, StateNode>;
}

export interface Machine {
  root: ScopeNode;
  scopes: Map<string, ScopeNode>;
  timeoutSeconds: number | undefined;
}

/** Turns a definition that was found valid into the form that is run. */
export function buildMachine(definition: JsonObject): Machine {
  const scopes = new Map<string, ScopeNode>();
  const root = buildScope("", definition, (definition.QueryLanguage as QueryLanguage) ?? "JSONPath", scopes);
  const timeout = definition.TimeoutSeconds;
  return { root, scopes, timeoutSeconds: typeof timeout === "number" ? timeout : undefined };
}

function buildScope(
  key: string,
  definition: JsonObject,
  language: QueryLanguage,
  scopes: Map<string, ScopeNode>,
): ScopeNode {
  const scope: ScopeNode = { key, startAt: String(definition.StartAt), states: new Map() };
  scopes.set(key, scope);
  for (const [name, state] of Object.entries(definition.States as JsonObject)) {
    scope.states.set(name, buildState(key, name, state as JsonObject, language, scopes));
  }
  return scope;
}

function buildState(
  scopeKey: string,
  name: string,
  definition: JsonObject,
  outer: QueryLanguage,
  scopes: Map<string, ScopeNode>,
): StateNode {
  const language = (definition.QueryLanguage as QueryLanguage) ?? outer;
  const inner = innerDefinitions(definition);
  const processor = definition.Type === "Map" ? inner[0] : undefined;
  const config = processor?.ProcessorConfig;
  return {
    name,
    type: String(definition.Type),
    definition,
    language,
    // A state's own language is for its fields alone: what is inside starts from the machine's again.
    scopes: inner.map((one, i) => buildScope(`${scopeKey}/${name}#${i}`, one, outer, scopes)),
    isDistributed: isObject(config) && config.Mode === "DISTRIBUTED",
    resource: typeof definition.Resource === "string" ? parseResource(definition.Resource) : undefined,
  };
}

/** The definitions of the machines inside a state. */
export function innerDefinitions(state: JsonObject): JsonObject[] {
  if (state.Type === "Parallel") return (Array.isArray(state.Branches) ? state.Branches : []).filter(isObject);
  if (state.Type !== "Map") return [];
  return [state.ItemProcessor ?? state.Iterator].filter(isObject);
}
