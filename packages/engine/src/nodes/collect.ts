import type { FieldIssue } from "@weft/kernel/errors";
import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { listOf, pick, referenceOf, textOf } from "../coze/read.ts";
import { MAX_FIELDS } from "../limits.ts";
import { NodeError, type NodeRun } from "../node.ts";
import type { Field, PathPart } from "../plan.ts";
import { parsePath, readPath } from "../values/path.ts";

/** What a composite gathers: of each turn the output of a body node (`node.path`), or its own variable's last value. */
const collectConfig = z
  .array(z.strictObject({ name: z.string().min(1).max(128), ref: z.string().max(1_000) }))
  .max(MAX_FIELDS)
  .default([]);

/** A number in the configuration, or the input that holds it. */
export const countConfig = (max: number) => z.union([z.int().min(0).max(max), z.strictObject({ input: z.string() })]);
export type Count = number | { input: string };

/** The number that is meant, cut to what is allowed; undefined where none is given. */
export function countOf(count: Count | undefined, inputs: Record<string, unknown>, max: number): number | undefined {
  const value = typeof count === "object" ? Number(inputs[count.input] ?? Number.NaN) : count;
  return value === undefined || !Number.isFinite(value) ? undefined : Math.min(Math.max(0, Math.trunc(value)), max);
}

/** One gathered output, ready to be read. */
export interface Gathered {
  name: string;
  node: string;
  path: PathPart[];
}

/** The gathered outputs with their references read. */
export function gatheredOf(collect: readonly { name: string; ref: string }[]): Gathered[] {
  return collect.map(({ name, ref }) => {
    const [node, ...path] = parsePath(ref) ?? [];
    if (typeof node !== "string")
      throw new NodeError("invalid_config", `"${ref}" is no reference`, { retryable: false });
    return { name, node, path };
  });
}

/**
 * What a failed turn means. fail: the composite fails. continue: null stands in its place. remove: it is left out of the
 * outputs. With the last two the composite also gives `errors`.
 */
const itemErrorConfig = z.enum(["fail", "continue", "remove"]).default("fail");

/** What the configurations of all composites hold. */
export const compositeConfig = {
  /** Inputs whose lists are gone through side by side, up to the shortest; every list input where it is not said. */
  items: z.array(z.string()).max(MAX_FIELDS).optional(),
  collect: collectConfig,
  onItemError: itemErrorConfig,
};

/** What all composites are, whatever runs their turns. */
export const compositeTraits = {
  category: "flow" as const,
  effectful: false,
  composite: true,
  zeroInputs: true,
};

/** The inputs that counts are read from. */
export const inputsOfCounts = (...counts: (Count | undefined)[]): string[] =>
  counts.flatMap((count) => (typeof count === "object" ? [count.input] : []));

/** One failed turn, as it stands in the output `errors`. */
export interface TurnError {
  index: number;
  code: string;
  message: string;
}

/** The output that tells of failed turns, where they do not fail the composite. */
export const errorFields = (onItemError: "fail" | "continue" | "remove"): Field[] =>
  onItemError === "fail" ? [] : [{ name: "errors", type: { type: "list" } }];

/** Issues of a gathered output that would hide `errors`. */
export function checkErrorName(config: { onItemError: string; collect: readonly { name: string }[] }): FieldIssue[] {
  if (config.onItemError === "fail" || !config.collect.some(({ name }) => name === "errors")) return [];
  return [{ path: "collect.errors", message: "the failed turns are given as `errors`; choose another name" }];
}

/** Issues of gathered outputs that name the composite itself, where what they name is not among `variables`. */
export function checkOwn(
  collect: readonly { name: string; ref: string }[],
  id: string,
  variables: readonly string[],
): FieldIssue[] {
  return collect.flatMap(({ name, ref }) => {
    const [node, variable] = parsePath(ref) ?? [];
    if (node !== id || variables.includes(String(variable))) return [];
    return [{ path: `collect.${name}`, message: `"${id}" has no variable "${variable ?? ""}"` }];
  });
}

/** What a turn gave for one output; `ran` is false where its node was skipped. */
export function gather(item: Gathered, outputs: ReadonlyMap<string, unknown>): { ran: boolean; value: unknown } {
  if (!outputs.has(item.node)) return { ran: false, value: null };
  return { ran: true, value: readPath(outputs.get(item.node), item.path) ?? null };
}

/** The lists that a composite goes through: the named inputs, or without names every input that is a list. */
export function itemLists(
  run: Pick<NodeRun, "inputs">,
  items: readonly string[] | undefined,
  except: readonly string[],
): [name: string, list: readonly unknown[]][] {
  const names = items ?? Object.keys(run.inputs).filter((n) => !except.includes(n) && Array.isArray(run.inputs[n]));
  return names.map((name) => {
    const value = run.inputs[name];
    return [name, Array.isArray(value) ? value : []];
  });
}

/** What the body sees under the composite's id in one turn: its inputs, with each list's item in place of the list. */
export function localsOf(
  inputs: Record<string, unknown>,
  lists: readonly [name: string, list: readonly unknown[]][],
  index: number,
): Record<string, unknown> {
  const locals: Record<string, unknown> = { ...inputs, index };
  for (const [name, list] of lists) locals[name] = list[index] ?? null;
  return locals;
}

/** Coze's composite outputs (Params with references) as what is gathered. */
export function readCollect(data: unknown): { name: string; ref: string }[] {
  return listOf(data, "outputs").map((param) => ({
    name: textOf(param, "name") ?? "",
    ref: referenceOf(pick(pick(pick(param, "input"), "value"), "content")),
  }));
}

/** Names of the inputs that a list of inputs holds. */
export function namesOf(inputs: readonly CanvasInput[]): string[] {
  return inputs.map((input) => input.name);
}
