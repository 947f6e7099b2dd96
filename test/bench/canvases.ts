import { readCanvas } from "@weft/engine/canvas";
import { compile, hasErrors, issuesError } from "@weft/engine/compile";
import type { Plan } from "@weft/engine/plan";

interface Node {
  id: string;
  type: string;
  data: Record<string, unknown>;
}
interface Edge {
  source: string;
  target: string;
}
/** A canvas in the node/edge form, as a client sends it. */
export interface BenchCanvas {
  nodes: Node[];
  edges: Edge[];
}

const start: Node = { id: "start", type: "start", data: { outputs: [{ name: "n", type: "integer" }] } };
const end = (ref: string): Node => ({ id: "end", type: "end", data: { inputs: [{ name: "out", ref }] } });
const text = (id: string, ref: string): Node => ({
  id,
  type: "text",
  data: { config: { method: "concat", template: "<{{v}}>" }, inputs: [{ name: "v", ref }] },
});
const http = (id: string, url: string): Node => ({
  id,
  type: "http_request",
  data: { config: { method: "GET", url } },
});
const path = (...ids: string[]): Edge[] => ids.slice(1).map((target, at) => ({ source: ids[at] as string, target }));

/** The plan of a canvas that has no errors. */
export function planOf(canvas: BenchCanvas): Plan {
  const { plan, issues } = compile(readCanvas(canvas));
  if (hasErrors(issues)) throw issuesError(issues);
  return plan;
}

/** Cheap nodes one after another, start and end among them. Every tenth reads the start again, so texts stay short. */
export function cheapChain(count: number): BenchCanvas {
  const ids = Array.from({ length: Math.max(0, count - 2) }, (_none, at) => `t${at}`);
  const nodes = ids.map((id, at) => text(id, at % 10 === 0 ? "start.n" : `t${at - 1}.output`));
  return {
    nodes: [start, ...nodes, end(ids.length > 0 ? `${ids.at(-1)}.output` : "start.n")],
    edges: path("start", ...ids, "end"),
  };
}

/** HTTP nodes one after another. */
export function chain(count: number, url: string): BenchCanvas {
  const ids = Array.from({ length: count }, (_none, at) => `h${at}`);
  return {
    nodes: [start, ...ids.map((id) => http(id, url)), end(`${ids.at(-1)}.statusCode`)],
    edges: path("start", ...ids, "end"),
  };
}

/** One HTTP node, two side by side after it, and one after both. */
export function diamond(url: string): BenchCanvas {
  return {
    nodes: [start, ...["a", "b", "c", "d"].map((id) => http(id, url)), end("d.statusCode")],
    edges: [...path("start", "a", "b", "d", "end"), ...path("a", "c", "d")],
  };
}

/** HTTP nodes side by side. */
export function fork(branches: number, url: string): BenchCanvas {
  const ids = Array.from({ length: branches }, (_none, at) => `b${at}`);
  return {
    nodes: [start, ...ids.map((id) => http(id, url)), end("b0.statusCode")],
    edges: ids.flatMap((id) => path("start", id, "end")),
  };
}

/** A loop or a batch with one HTTP node in its body. */
export function composite(type: "loop" | "batch", items: number, url: string): BenchCanvas {
  const list = Array.from({ length: items }, (_none, at) => at);
  const body = { nodes: [http("inner", url)], edges: [...path("all", "inner", "all")] };
  const config = { collect: [{ name: "codes", ref: "inner.statusCode" }] };
  const inputs = [{ name: "list", type: { type: "list", items: "integer" }, value: list }];
  const all: Node = { id: "all", type, data: { config, inputs, body } };
  return { nodes: [start, all, end("all.codes")], edges: path("start", "all", "end") };
}
