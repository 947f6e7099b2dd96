import { runStep } from "@weft/engine/run/step";
import { expect, it } from "vitest";
import { planOf, testRun } from "./support.ts";

const node = (id: string, type: string, data: object = {}) => ({ id, type, data });
const text = (id: string) => node(id, "text", { config: { method: "concat", template: id } });
const message = (id: string) => node(id, "output_message", { config: { content: id } });
const edge = (source: string, target: string) => ({ source, target });

/** start forks into a message, and into a cheap text with a message behind it. */
const plan = planOf({
  nodes: [node("start", "start"), text("cheap"), message("near"), message("far"), node("end", "end")],
  edges: [edge("start", "near"), edge("start", "cheap"), edge("cheap", "far"), edge("near", "end"), edge("far", "end")],
});

it("keeps each cheap node's record once, with the first branch that depends on it", async () => {
  const kept: string[] = [];
  for (const segment of plan.segments.filter(({ steps }) => steps[0]?.effect !== undefined)) {
    const outcome = await runStep(plan, { segmentId: segment.id, step: 0 }, {}, testRun().io);
    if (outcome.kind === "done") kept.push(...outcome.fresh.map(({ nodeId }) => nodeId));
  }
  expect(kept.sort()).toEqual(["cheap", "far", "near", "start"]);
});
