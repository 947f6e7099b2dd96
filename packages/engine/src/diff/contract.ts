import type { Field, Plan } from "../plan.ts";
import { valueChanges } from "./values.ts";

/** A declared input or output that differs. */
export interface FieldChange {
  name: string;
  kind: "added" | "removed" | "changed";
  from?: Field;
  to?: Field;
}

/** Something that callers who know the older side may stumble over. */
export interface Breaking {
  /** `inputs.<name>`, `outputs.<name>`, or `outputs` for all of them. */
  path: string;
  message: string;
}

/** What callers know of a workflow. */
export type Contract = Pick<Plan, "inputs" | "outputs" | "answer">;

export interface ContractDiff {
  inputs: FieldChange[];
  outputs: FieldChange[];
  breaking: Breaking[];
}

/** How two contracts differ, and what of it callers of the older one may stumble over. */
export function contractDiff(from: Contract, to: Contract): ContractDiff {
  const inputs = fieldChanges(from.inputs, to.inputs);
  const outputs = fieldChanges(from.outputs, to.outputs);
  const breaking = [
    ...(from.answer === to.answer ? [] : [{ path: "outputs", message: answerMessage(to.answer) }]),
    ...inputs.flatMap((change) => named("inputs", change, inputProblem(change))),
    ...outputs.flatMap((change) => named("outputs", change, outputProblem(change))),
  ];
  return { inputs, outputs, breaking };
}

function fieldChanges(from: readonly Field[], to: readonly Field[]): FieldChange[] {
  const old = new Map(from.map((field) => [field.name, field]));
  const now = new Map(to.map((field) => [field.name, field]));
  const changes: FieldChange[] = [];
  for (const [name, field] of old) if (!now.has(name)) changes.push({ name, kind: "removed", from: field });
  for (const [name, field] of now) {
    const before = old.get(name);
    if (!before) changes.push({ name, kind: "added", to: field });
    else if (!isSame(before, field)) changes.push({ name, kind: "changed", from: before, to: field });
  }
  return changes;
}

function named(side: "inputs" | "outputs", { name }: FieldChange, message: string | undefined): Breaking[] {
  return message === undefined ? [] : [{ path: `${side}.${name}`, message }];
}

function inputProblem({ from, to }: FieldChange): string | undefined {
  if (!to) return "is no longer read";
  if (from && !isSame(from.type, to.type)) return "has another type";
  return isNeeded(to) && !(from && isNeeded(from)) ? "has to be given" : undefined;
}

function outputProblem({ from, to }: FieldChange): string | undefined {
  if (!to) return "is no longer given";
  return from && !isSame(from.type, to.type) ? "has another type" : undefined;
}

function isNeeded(field: Field): boolean {
  return field.required === true && field.default === undefined;
}

function answerMessage(isAnswer: boolean): string {
  return isAnswer ? "the result is one text instead of variables" : "the result is variables instead of one text";
}

function isSame(from: unknown, to: unknown): boolean {
  return valueChanges(from, to).length === 0;
}
