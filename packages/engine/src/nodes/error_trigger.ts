import * as z from "zod";
import { defineNode } from "../node.ts";
import type { Field, ValueType } from "../plan.ts";
import { readInput } from "../values/input.ts";

const text = (name: string): Field => ({ name, type: { type: "string" } });
const object = (...fields: Field[]): ValueType => ({ type: "object", fields });

/** What an error workflow is started with: the run that failed, and the workflow that it was of. */
const FIELDS: readonly Field[] = [
  {
    name: "execution",
    type: object(
      text("id"),
      text("url"),
      text("status"),
      text("mode"),
      { name: "trigger", type: object(text("type"), text("id")) },
      { name: "attempt", type: { type: "integer" } },
      {
        name: "error",
        type: object(text("code"), text("message"), text("nodeId"), text("nodeTitle"), text("path")),
      },
      text("lastNodeExecuted"),
      { name: "input", type: { type: "object" } },
      text("startedAt"),
      text("endedAt"),
    ),
  },
  { name: "workflow", type: object(text("id"), text("name"), text("version"), text("commitId")) },
];

export const errorTrigger = defineNode({
  type: "error_trigger",
  title: "Error trigger",
  description:
    "Begins a workflow that others name as their error workflow, and gives what is known of the run that failed.",
  category: "input_output",
  config: z.strictObject({}),
  effectful: false,
  begins: true,
  nullOutputs: true,
  outputs: () => [...FIELDS],
  n8n: ["n8n-nodes-base.errorTrigger"],
  run: ({ node, graphInput }) => ({ output: readInput(node.outputs, graphInput).values }),
});
