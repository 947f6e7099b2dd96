import { evaluateExpression } from "../expressions/evaluate.ts";
import type { NodeDefinition } from "../node.ts";
import { NodeError } from "../node.ts";
import type { Input, PlanNode, Source } from "../plan.ts";
import { convert, convertStrict } from "../values/convert.ts";
import { setOwn } from "../values/json.ts";
import { readPath } from "../values/path.ts";
import { zeroFilled } from "../values/types.ts";
import { driven, type RunIo } from "./io.ts";
import type { Scope } from "./scope.ts";

/**
 * The values of a node's inputs, converted to their declared types. Synchronous unless a large output has to be read or
 * a kept variable is asked for. Where a value cannot be converted it becomes null, or in strict runs a NodeError names
 * the input.
 */
export function resolveInputs(
  scope: Scope,
  node: PlanNode,
  definition: NodeDefinition,
  io: RunIo,
): Record<string, unknown> | Promise<Record<string, unknown>> {
  const loads: Promise<void>[] = [];
  const fetched = new Map<string | Expression, unknown>();
  const expressions: Expression[] = [];
  for (const input of node.inputs) prefetch(scope, input.source, definition, io, fetched, loads, expressions);
  const build = (): Record<string, unknown> => {
    const values: Record<string, unknown> = {};
    for (const input of node.inputs) values[input.name] = inputValue(scope, node, input, definition, io, fetched);
    return values;
  };
  if (expressions.length > 0) {
    return Promise.all(loads)
      .then(() => evaluateAll(scope, node, definition, io, fetched, expressions))
      .then(build);
  }
  return loads.length > 0 ? Promise.all(loads).then(build) : build();
}

type Expression = Extract<Source, { kind: "expression" }>;
/** Values read before: kept variables by {@link keptName}, results of expressions by their source. */
type Fetched = ReadonlyMap<string | Expression, unknown>;

/** Inner expressions come before those that read them. */
async function evaluateAll(
  scope: Scope,
  node: PlanNode,
  definition: NodeDefinition,
  io: RunIo,
  fetched: Map<string | Expression, unknown>,
  expressions: readonly Expression[],
): Promise<void> {
  for (const source of expressions) {
    const values: Record<string, unknown> = {};
    for (const input of source.inputs) {
      setOwn(values, input.name, inputValue(scope, node, input, definition, io, fetched, true));
    }
    fetched.set(source, await evaluateExpression(source.language, source.text, values, io.now()));
  }
}

function prefetch(
  scope: Scope,
  source: Source,
  definition: NodeDefinition,
  io: RunIo,
  fetched: Map<string | Expression, unknown>,
  loads: Promise<void>[],
  expressions: Expression[],
): void {
  if (source.kind === "object") {
    for (const field of source.fields) prefetch(scope, field.source, definition, io, fetched, loads, expressions);
  } else if (source.kind === "expression") {
    for (const input of source.inputs) prefetch(scope, input.source, definition, io, fetched, loads, expressions);
    expressions.push(source);
  } else if (source.kind === "ref") {
    const found = scope.find(source.node);
    if (!found || "locals" in found || !found.load) return;
    const settled = found;
    loads.push(
      driven(found.load).then((output) => {
        settled.output = output;
        delete settled.load;
      }),
    );
  } else if (source.kind === "variable" && isKept(source.scope) && !fetched.has(keptName(source))) {
    fetched.set(keptName(source), undefined);
    loads.push(keptVariable(scope, source, definition, io).then((value) => void fetched.set(keptName(source), value)));
  }
}

type Variable = Extract<Source, { kind: "variable" }>;

function isKept(scope: Variable["scope"]): scope is "user" | "global" | "workflow" {
  return scope === "user" || scope === "global" || scope === "workflow";
}

function keptName({ scope, name }: Variable): string {
  return `${scope}.${name}`;
}

/** A variable that outlives executions. A secret one is given only to a node that takes it out of the run. */
async function keptVariable(scope: Scope, source: Variable, definition: NodeDefinition, io: RunIo): Promise<unknown> {
  const { name } = source;
  if (source.scope === "user") {
    if (!io.deps.variables)
      throw new NodeError("unavailable", "user variables are not available", { retryable: false });
    return io.deps.variables.get(name);
  }
  if (!io.deps.sharedVariables) throw new NodeError("unavailable", "variables are not available", { retryable: false });
  const { workflowId } = scope.options;
  const ref = { scope: source.scope as "global" | "workflow", name, ...(workflowId ? { workflowId } : {}) };
  const found = await io.deps.sharedVariables.get(ref);
  if (found?.isSecret && !definition.takesSecrets) {
    const message = `"${keptName(source)}" is a secret, which a node of type ${definition.type} may not read`;
    throw new NodeError("secret_not_allowed", message, { retryable: false });
  }
  return found?.value;
}

function inputValue(
  scope: Scope,
  node: PlanNode,
  input: Input,
  definition: NodeDefinition,
  io: RunIo,
  fetched: Fetched,
  isMember = false,
): unknown {
  const raw = sourceValue(scope, node, input, definition, io, fetched);
  const zero = definition.zeroInputs && !isMember;
  if (raw === undefined || raw === null) return zero ? zeroFilled(raw, input.type) : null;
  const value = io.strictInputs ? convertStrict(raw, input.type, input.name) : convert(raw, input.type, input.name);
  return zero ? zeroFilled(value, input.type) : value;
}

function sourceValue(
  scope: Scope,
  node: PlanNode,
  input: Input,
  definition: NodeDefinition,
  io: RunIo,
  fetched: Fetched,
): unknown {
  const { source } = input;
  switch (source.kind) {
    case "literal":
      return source.value;
    case "ref": {
      const found = scope.find(source.node);
      if (!found) return undefined;
      return readPath("locals" in found ? found.locals : found.output, source.path);
    }
    case "variable":
      return readPath(variableValue(scope, node, source, io, fetched), source.path);
    case "expression":
      return fetched.get(source);
    case "object": {
      const value: Record<string, unknown> = {};
      for (const field of source.fields) {
        value[field.name] = inputValue(scope, node, field, definition, io, fetched, true);
      }
      return value;
    }
  }
}

function variableValue(scope: Scope, node: PlanNode, source: Variable, io: RunIo, fetched: Fetched): unknown {
  if (source.scope === "app") return scope.variable(node.id, source.name);
  if (isKept(source.scope)) return fetched.get(keptName(source));
  return Object.hasOwn(io.system, source.name) ? io.system[source.name] : undefined;
}
