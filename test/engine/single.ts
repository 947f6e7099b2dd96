import type { CanvasNode } from "@weft/engine/canvas";
import { NodeFailed } from "@weft/engine/run/io";
import { expect } from "vitest";
import { runCanvas } from "./support.ts";

/** A canvas of one node between start and end; each port leads to the end, which gives the node's outputs. */
export function around(
  node: Omit<CanvasNode, "id">,
  outputs: readonly string[] = [],
  ports: readonly string[] = ["default"],
) {
  return {
    nodes: [
      { id: "start", type: "start", data: { outputs: [{ name: "in", type: "any" }] } },
      { id: "n", ...node },
      { id: "end", type: "end", data: { inputs: outputs.map((name) => ({ name, ref: `n.${name}` })) } },
    ],
    edges: [
      { source: "start", target: "n" },
      ...ports.map((sourceHandle) => ({ source: "n", sourceHandle, target: "end" })),
    ],
  };
}

export async function outputOf(canvas: unknown, input: Record<string, unknown> = {}, over = {}) {
  const outcome = await runCanvas(canvas, input, over);
  if (outcome.status !== "done") throw new Error("it waits");
  return outcome.output;
}

export async function failureOf(canvas: unknown, input: Record<string, unknown> = {}, over = {}): Promise<NodeFailed> {
  try {
    await runCanvas(canvas, input, over);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(NodeFailed);
    return thrown as NodeFailed;
  }
  throw new Error("it did not fail");
}
