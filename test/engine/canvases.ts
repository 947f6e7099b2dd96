import type { CanvasNode } from "@weft/engine/canvas";

export const start: CanvasNode = { id: "start", type: "start", data: { outputs: [{ name: "q", type: "string" }] } };
export const end = (ref = "start.q"): CanvasNode => ({
  id: "end",
  type: "end",
  data: { inputs: [{ name: "out", ref }] },
});
export const text = (id: string, ref = "start.q"): CanvasNode => ({
  id,
  type: "text",
  data: { config: { method: "concat", template: "{{x}}" }, inputs: [{ name: "x", ref }] },
});
export const edge = (source: string, target: string, sourceHandle?: string) => ({
  source,
  target,
  ...(sourceHandle ? { sourceHandle } : {}),
});
export const chain = (...ids: string[]) => ids.slice(1).map((id, at) => edge(ids[at]!, id));
