import { readN8nWorkflow } from "@weft/engine/n8n/read";
import type { NodeDeps } from "@weft/engine/node";
import { expect } from "vitest";
import { runCanvas } from "./support.ts";

export type Slots = (string | [name: string, input: number])[][];
export const node = (name: string, type: string, parameters: object = {}, more: object = {}) => ({
  ...{ name, type: `n8n-nodes-base.${type}`, typeVersion: 1, parameters },
  ...more,
});
export const set = (name: string, values: Record<string, unknown>, more: object = {}) => {
  const assignments = Object.entries(values).map(([key, value]) => ({ name: key, value, type: "any" }));
  return node(name, "set", { assignments: { assignments }, ...more }, { typeVersion: 3.4 });
};
export const where = (leftValue: unknown, operation: string, rightValue: unknown) => ({
  conditions: { combinator: "and", options: {}, conditions: [{ leftValue, rightValue, operator: { operation } }] },
});
export const connect = (links: Record<string, Slots>) =>
  Object.fromEntries(
    Object.entries(links).map(([from, slots]) => {
      const main = slots.map((slot) =>
        slot.map((to) => (typeof to === "string" ? { node: to, index: 0 } : { node: to[0], index: to[1] })),
      );
      return [from, { main }];
    }),
  );

export async function run(nodes: object[], links: Record<string, Slots>, items: object[], over: NodeDeps = {}) {
  const start = node("Start", "manualTrigger");
  const { canvas, report } = readN8nWorkflow({
    id: "wf",
    name: "w",
    nodes: [start, ...nodes],
    connections: connect(links),
  });
  expect(report.nodes.filter(({ fidelity }) => fidelity === "placeholder")).toEqual([]);
  const outcome = await runCanvas(canvas, { items }, { deps: over, system: { sys_execution_id: "exe_7" } });
  if (outcome.status !== "done") throw new Error("it waits");
  return { items: outcome.output.items, report, records: outcome.run.records };
}

export const people = [
  { name: "ann", n: 3 },
  { name: "bo", n: 1 },
  { name: "cy", n: 2 },
];
