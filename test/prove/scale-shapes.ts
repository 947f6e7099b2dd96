import type { Canvas } from "@weft/engine/canvas";
import type { OutsideServer } from "../support/calls.ts";
import { call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";

/** How large the workflows of the proof are. */
export interface ScaleSizes {
  /** Effectful nodes one after another. */
  chain: number;
  /** Turns of a loop without effects. */
  cheapTurns: number;
  /** Turns of a loop that call the outside. */
  turns: number;
  /** Items of a batch that call the outside, one in {@link FAILS_EVERY} of which fails. */
  items: number;
}

/** Two percent of the items fail. */
export const FAILS_EVERY = 50;
const FAILS_AT = 7;

/** A large workflow with what a run of it has to give. */
export interface ScaleShape {
  name: string;
  size: number;
  canvas: Canvas;
  settings?: object;
  input: Record<string, unknown>;
  output: Record<string, unknown>;
  /** Calls that each have their own key, by the last part of the node's path. */
  calls: Record<string, number>;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_none, at) => at);

function chain(url: string, size: number, slice: number): ScaleShape {
  const ids = numbers(size).map((at) => `c${at}`);
  // Each gives the count of the one before and one more, so that a lost or repeated node shows in the result.
  const nodes = ids.map((id, at) => call(url, id, [at === 0 ? "start.n" : `${ids[at - 1]}.body`], { step: "more" }));
  return {
    name: slice === 0 ? "chain, slice 0" : `chain, slice ${slice} s`,
    size,
    canvas: canvas(
      [start(text("n")), ...nodes, end({ out: `${ids.at(-1)}.body` })],
      ["start", ...ids, "end"].join(">"),
    ),
    settings: { sliceSeconds: slice },
    input: { n: "0" },
    output: { out: String(size) },
    calls: Object.fromEntries(ids.map((id) => [id, 1])),
  };
}

function cheapLoop(turns: number): ScaleShape {
  const body = {
    nodes: [node("say", "text", { method: "concat", template: "<{{i}}>" }, [ref("i", "all.index")])],
    edges: edges("all>say>all"),
  };
  const config = { mode: "count", count: turns, collect: [{ name: "out", ref: "say.output" }] };
  return {
    name: "loop without effects",
    size: turns,
    canvas: canvas(
      [start(text("n")), node("all", "loop", config, [], { body }), end({ out: "all.out" })],
      "start>all>end",
    ),
    input: { n: "0" },
    output: { out: numbers(turns).map((at) => `<${at}>`) },
    calls: {},
  };
}

function effectLoop(url: string, turns: number): ScaleShape {
  const body = {
    nodes: [
      call(url, "ask", ["all.last"], { step: "more" }),
      node("keep", "loop_set_variable", { assignments: [{ variable: "last", input: "to" }] }, [ref("to", "ask.body")]),
    ],
    edges: edges("all>ask>keep>all"),
  };
  const collect = [
    { name: "last", ref: "all.last" },
    { name: "out", ref: "ask.body" },
  ];
  const config = { mode: "count", count: turns, variables: ["last"], collect };
  const all = node("all", "loop", config, [ref("last", "start.n")], { body });
  return {
    name: "loop of calls",
    size: turns,
    canvas: canvas([start(text("n")), all, end({ out: "all.out", last: "all.last" })], "start>all>end"),
    input: { n: "0" },
    output: { out: numbers(turns).map((at) => String(at + 1)), last: String(turns) },
    calls: { ask: turns },
  };
}

function batch(url: string, items: number): ScaleShape {
  const body = { nodes: [call(url, "one", ["all.item"], { step: "item" })], edges: edges("all>one>all") };
  const config = {
    items: ["item"],
    concurrency: 50,
    onItemError: "continue",
    collect: [{ name: "out", ref: "one.body" }],
  };
  const given = numbers(items).map((at) => `i${at}`);
  const failed = numbers(items).filter((at) => failsAt(at));
  const list = { name: "items", type: { type: "list" as const, items: "string" as const } };
  return {
    name: "batch of calls, 2 % fail",
    size: items,
    canvas: canvas(
      [
        start(list),
        node("all", "batch", config, [ref("item", "start.items")], { body }),
        end({ out: "all.out", errors: "all.errors" }),
      ],
      "start>all>end",
    ),
    input: { items: given },
    output: {
      out: given.map((item, at) => (failsAt(at) ? null : `done ${item}`)),
      errors: failed.map((index) => ({ index, code: "http_error" })),
    },
    calls: { one: items },
  };
}

const failsAt = (at: number): boolean => at % FAILS_EVERY === FAILS_AT;

/** What the outside answers the calls of these workflows. */
export function answerShapes(outside: OutsideServer): void {
  outside.answer("more", ({ body }) => ({ status: 200, text: String(Number(body) + 1) }));
  outside.answer("item", ({ body }) =>
    failsAt(Number(body.slice(1))) ? { status: 422, text: "refused" } : { status: 200, text: `done ${body}` },
  );
}

/** The large workflows, smallest first. */
export function scaleShapes(url: string, sizes: ScaleSizes): ScaleShape[] {
  return [
    chain(url, sizes.chain, 0),
    chain(url, sizes.chain, 20),
    cheapLoop(sizes.cheapTurns),
    effectLoop(url, sizes.turns),
    batch(url, sizes.items),
  ];
}
