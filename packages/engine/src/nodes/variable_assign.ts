import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { dig, fieldsOf, inputOf, listOf, pick, variableOf } from "../coze/read.ts";
import { CozeProblem } from "../coze/types.ts";
import { MAX_FIELDS } from "../limits.ts";
import { defineNode, NodeError, type NodeRun } from "../node.ts";
import type { PathPart } from "../plan.ts";
import { setOwn } from "../values/json.ts";
import { parsePath, withPath } from "../values/path.ts";

const config = z.strictObject({
  assignments: z
    .array(
      z.strictObject({
        /** `app.name` or `user.name`, with a path into its value where only a part is set. */
        variable: z.string().regex(/^(app|user)[.[]/, "a variable is app.… or user.…; system variables are read-only"),
        input: z.string(),
      }),
    )
    .min(1)
    .max(MAX_FIELDS),
});
type Config = z.output<typeof config>;

interface Target {
  scope: "app" | "user";
  name: string;
  path: PathPart[];
}

function targetOf(variable: string): Target | undefined {
  const [scope, name, ...path] = parsePath(variable) ?? [];
  if ((scope !== "app" && scope !== "user") || typeof name !== "string") return undefined;
  return { scope, name, path };
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
  description: "Sets app variables, which last as long as the execution, or user variables, which are kept.",
  category: "data",
  config,
  effectful: ({ assignments }) => assignments.some((item) => item.variable.startsWith("user")),
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
    const user: { target: Target; value: unknown }[] = [];
    for (const item of run.config.assignments) {
      const target = targetOf(item.variable);
      if (!target) throw new NodeError("invalid_config", `"${item.variable}" names no variable`, { retryable: false });
      const value = run.inputs[item.input] ?? null;
      if (target.scope === "user") user.push({ target, value });
      else assignApp(run, target, value, vars);
    }
    const done = { output: { isSuccess: true }, vars };
    if (user.length === 0) return done;
    return (async () => {
      for (const { target, value } of user) await assignUser(run, target, value);
      return done;
    })();
  },
});
