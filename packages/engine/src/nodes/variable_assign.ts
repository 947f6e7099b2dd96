import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { dig, fieldsOf, inputOf, listOf, pick, variableOf } from "../coze/read.ts";
import { CozeProblem } from "../coze/types.ts";
import { MAX_FIELDS } from "../limits.ts";
import { defineNode, NodeError, type NodeRun } from "../node.ts";
import type { PathPart, VariableScope } from "../plan.ts";
import { setOwn } from "../values/json.ts";
import { parsePath, withPath } from "../values/path.ts";

const SCOPES: ReadonlySet<unknown> = new Set(["app", "user", "global", "workflow"]);

const config = z.strictObject({
  assignments: z
    .array(
      z.strictObject({
        /** `app.name`, `user.name`, `global.name` or `workflow.name`, with a path where only a part of its value is set. */
        variable: z
          .string()
          .regex(
            /^(app|user|global|workflow)[.[]/,
            "a variable is app.…, user.…, global.… or workflow.…; system variables are read-only",
          ),
        input: z.string(),
      }),
    )
    .min(1)
    .max(MAX_FIELDS),
});
type Config = z.output<typeof config>;

interface Target {
  scope: Exclude<VariableScope, "system">;
  name: string;
  path: PathPart[];
}

function targetOf(variable: string): Target | undefined {
  const [scope, name, ...path] = parsePath(variable) ?? [];
  if (!SCOPES.has(scope) || typeof name !== "string") return undefined;
  return { scope: scope as Target["scope"], name, path };
}

/** A variable of the space or of the workflow. */
async function assignShared(run: NodeRun<Config>, target: Target, value: unknown): Promise<void> {
  const { sharedVariables } = run.deps;
  if (!sharedVariables) throw new NodeError("unavailable", "variables are not available", { retryable: false });
  const scope = target.scope as "global" | "workflow";
  const ref = { scope, name: target.name, ...(run.workflowId ? { workflowId: run.workflowId } : {}) };
  const before = target.path.length === 0 ? undefined : await sharedVariables.get(ref);
  const whole = target.path.length === 0 ? value : withPath(before?.value, target.path, value);
  await sharedVariables.set(ref, whole, `${run.idempotencyKey}#${scope}.${target.name}`);
}

async function assignUser(run: NodeRun<Config>, target: Target, value: unknown): Promise<void> {
  const { variables } = run.deps;
  if (!variables) throw new NodeError("unavailable", "user variables are not available", { retryable: false });
  const whole = target.path.length === 0 ? value : withPath(await variables.get(target.name), target.path, value);
  await variables.set(target.name, whole, `${run.idempotencyKey}#${target.name}`);
}

function assignApp(run: NodeRun<Config>, target: Target, value: unknown, vars: Record<string, unknown>): void {
  const known = target.path.length === 0 || Object.hasOwn(vars, target.name);
  const before = known ? vars[target.name] : run.variable(target.name);
  setOwn(vars, target.name, withPath(before, target.path, value));
}

export const variableAssign = defineNode({
  type: "variable_assign",
  title: "Assign variables",
  description:
    "Sets app variables, which last as long as the execution, or variables of the user, the space or the workflow, which " +
    "are kept.",
  category: "data",
  config,
  effectful: ({ assignments }) => assignments.some((item) => !item.variable.startsWith("app")),
  assigns: true,
  outputs: () => [{ name: "isSuccess", type: { type: "boolean" } }],
  uses: ({ assignments }) => assignments.map((item) => item.input),
  check: ({ assignments }) =>
    assignments.flatMap((item, index) =>
      targetOf(item.variable)
        ? []
        : [{ path: `assignments.${index}.variable`, message: `"${item.variable}" names no variable` }],
    ),
  coze: {
    id: "40",
    key: "VariableAssigner",
    displayKey: "AssignVariable",
    read: ({ data, inputs: source }) => {
      const inputs: CanvasInput[] = [];
      const assignments = listOf(source, "inputParameters").map((param, index) => {
        const variable = variableOf(dig(param, "left", "value", "content"));
        if (variable === undefined) {
          throw new CozeProblem(`inputs.inputParameters.${index}.left`, "names no variable");
        }
        const input = `value_${index}`;
        inputs.push(inputOf(input, pick(param, "input") ?? pick(param, "right")));
        return { variable, input };
      });
      return { config: { assignments }, inputs, outputs: fieldsOf(pick(data, "outputs")) };
    },
  },
  dify: ["assigner"],
  run(run) {
    const vars: Record<string, unknown> = {};
    const kept: { target: Target; value: unknown }[] = [];
    for (const item of run.config.assignments) {
      const target = targetOf(item.variable);
      if (!target) throw new NodeError("invalid_config", `"${item.variable}" names no variable`, { retryable: false });
      const value = run.inputs[item.input] ?? null;
      if (target.scope === "app") assignApp(run, target, value, vars);
      else kept.push({ target, value });
    }
    const done = { output: { isSuccess: true }, vars };
    if (kept.length === 0) return done;
    return (async () => {
      for (const { target, value } of kept) {
        await (target.scope === "user" ? assignUser : assignShared)(run, target, value);
      }
      return done;
    })();
  },
});
