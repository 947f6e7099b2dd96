import type { Canvas } from "@weft/engine/canvas";
import { type CallOptions, call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";

/** A kind of workflow with what a run of it has to give. */
export interface Shape {
  name: string;
  canvas: Canvas;
  settings?: object;
  status: "succeeded" | "failed";
  output(n: string): Record<string, unknown> | null;
  /** Calls that a run makes, by the last part of the node's path: each is made exactly once where nothing is killed. */
  calls: Record<string, number>;
  /** What answers the run's questions. */
  reply?: string;
}

const ITEMS = ["p", "q", "r", "s", "t", "u"];

type Ask = (id: string, refs: readonly string[], options?: CallOptions) => ReturnType<typeof call>;

function chain(ask: Ask): Shape {
  const ids = ["a", "b", "c", "d"];
  const nodes = ids.map((id, index) => ask(id, [index === 0 ? "start.n" : `${ids[index - 1]}.body`]));
  return {
    name: "chain",
    canvas: canvas([start(text("n")), ...nodes, end({ out: "d.body" })], "start>a>b>c>d>end"),
    status: "succeeded",
    output: (n) => ({ out: `d(c(b(a(${n}))))` }),
    calls: { a: 1, b: 1, c: 1, d: 1 },
  };
}

function slice(ask: Ask): Shape {
  return { ...chain(ask), name: "slice", settings: { sliceSeconds: 20 } };
}

function diamond(ask: Ask): Shape {
  return {
    name: "fork and join",
    canvas: canvas(
      [
        start(text("n")),
        ask("a", ["start.n"]),
        ask("b", ["a.body"]),
        ask("c", ["a.body"]),
        ask("d", ["b.body", "c.body"]),
        ask("e", ["c.body"]),
        end({ out: "d.body", side: "e.body" }),
      ],
      "start>a>b>d>end a>c>d c>e>end",
    ),
    status: "succeeded",
    output: (n) => ({ out: `d(b(a(${n})),c(a(${n})))`, side: `e(c(a(${n})))` }),
    calls: { a: 1, b: 1, c: 1, d: 1, e: 1 },
  };
}

function wide(ask: Ask): Shape {
  const ids = Array.from({ length: 12 }, (_v, index) => `w${index}`);
  return {
    name: "12 branches",
    canvas: canvas(
      [
        start(text("n")),
        ...ids.map((id) => ask(id, ["start.n"])),
        ask(
          "join",
          ids.map((id) => `${id}.body`),
        ),
        end({ out: "join.body" }),
      ],
      `${ids.map((id) => `start>${id}>join`).join(" ")} join>end`,
    ),
    status: "succeeded",
    output: (n) => ({ out: `join(${ids.map((id) => `${id}(${n})`).join(",")})` }),
    calls: { ...Object.fromEntries(ids.map((id) => [id, 1])), join: 1 },
  };
}

function list(): ReturnType<typeof node> {
  const config = { method: "split", delimiters: ["|"] };
  return node("list", "text", config, [{ name: "items", value: ITEMS.join("|") }]);
}

function loop(ask: Ask): Shape {
  const body = {
    nodes: [
      ask("ask", ["turns.item", "turns.last"]),
      node("keep", "loop_set_variable", { assignments: [{ variable: "last", input: "to" }] }, [ref("to", "ask.body")]),
    ],
    edges: edges("ask>keep"),
  };
  const config = { items: ["item"], variables: ["last"], collect: [{ name: "last", ref: "turns.last" }] };
  const inputs = [ref("item", "list.output"), ref("last", "start.n")];
  return {
    name: "loop",
    canvas: canvas(
      [
        start(text("n")),
        list(),
        node("turns", "loop", config, inputs, { body }),
        ask("z", ["turns.last"]),
        end({ out: "z.body" }),
      ],
      "start>list>turns>z>end",
    ),
    status: "succeeded",
    output: (n) => ({ out: `z(${ITEMS.reduce((last, item) => `ask(${item},${last})`, n)})` }),
    calls: { ask: ITEMS.length, z: 1 },
  };
}

function batch(ask: Ask): Shape {
  const body = { nodes: [ask("one", ["all.item"]), ask("two", ["one.body"])], edges: edges("one>two") };
  const config = { items: ["item"], concurrency: 3, collect: [{ name: "texts", ref: "two.body" }] };
  return {
    name: "batch",
    canvas: canvas(
      [
        start(text("n")),
        list(),
        node("all", "batch", config, [ref("item", "list.output")], { body }),
        ask("z", ["start.n"]),
        end({ texts: "all.texts", out: "z.body" }),
      ],
      "start>list>all>z>end",
    ),
    status: "succeeded",
    output: (n) => ({ texts: ITEMS.map((item) => `two(one(${item}))`), out: `z(${n})` }),
    calls: { one: ITEMS.length, two: ITEMS.length, z: 1 },
  };
}

/** The workflow that `callers` call. */
export function called(url: string, delay: number): Canvas {
  const nodes = [
    start(text("n")),
    call(url, "s1", ["start.n"], { delay }),
    call(url, "s2", ["s1.body"], { delay }),
    end({ out: "s2.body" }),
  ];
  return canvas(nodes, "start>s1>s2>end");
}

function callers(ask: Ask, workflowId: string): Shape {
  const sub = (id: string, from: string) =>
    node(id, "sub_workflow", { workflowId }, [ref("n", from)], { outputs: [text("out")] });
  return {
    name: "sub-workflows",
    canvas: canvas(
      [
        start(text("n")),
        ask("a", ["start.n"]),
        sub("left", "a.body"),
        sub("right", "start.n"),
        ask("z", ["left.out", "right.out"]),
        end({ out: "z.body" }),
      ],
      "start>a>left>z>end start>right>z",
    ),
    status: "succeeded",
    output: (n) => ({ out: `z(s2(s1(a(${n}))),s2(s1(${n})))` }),
    calls: { a: 1, s1: 2, s2: 2, z: 1 },
  };
}

function waits(ask: Ask): Shape {
  const pause = (id: string, ms: number) => node(id, "wait", { mode: "duration", ms });
  return {
    name: "waits",
    canvas: canvas(
      [
        start(text("n")),
        ask("a", ["start.n"]),
        pause("short", 700),
        ask("b", ["a.body"]),
        pause("long", 2500),
        ask("z", ["a.body", "b.body"]),
        end({ out: "z.body" }),
      ],
      "start>a>short>b>z>end a>long>z",
    ),
    status: "succeeded",
    output: (n) => ({ out: `z(a(${n}),b(a(${n})))` }),
    calls: { a: 1, b: 1, z: 1 },
  };
}

function question(ask: Ask): Shape {
  return {
    name: "question",
    canvas: canvas(
      [
        start(text("n")),
        ask("a", ["start.n"]),
        node("who", "question", { question: "Who?" }),
        ask("b", ["start.n"]),
        ask("z", ["a.body", "who.USER_RESPONSE", "b.body"]),
        end({ out: "z.body" }),
      ],
      "start>a>who>z>end start>b>z",
    ),
    status: "succeeded",
    reply: "me",
    output: (n) => ({ out: `z(a(${n}),me,b(${n}))` }),
    calls: { a: 1, b: 1, z: 1 },
  };
}

function failing(ask: Ask): Shape {
  return {
    name: "failure",
    canvas: canvas(
      [
        start(text("n")),
        ask("refused", ["start.n"], { onError: { strategy: "branch" } }),
        ask("b", ["start.n"]),
        ask("broken", ["b.body"], { step: "refused" }),
        ask("never", ["broken.body"]),
        end({ out: "never.body" }),
      ],
      "start>refused>never start>refused:branch_error>b>broken>never>end",
    ),
    status: "failed",
    output: () => null,
    calls: { refused: 1, b: 1, broken: 1 },
  };
}

/** Every kind of run that is killed: forks, joins, loops, batches, calls, waits, questions and failures. */
export function shapes(url: string, delay: number, calledId: string): Shape[] {
  const ask: Ask = (id, refs, options = {}) => call(url, id, refs, { delay, ...options });
  return [
    diamond(ask),
    loop(ask),
    callers(ask, calledId),
    waits(ask),
    batch(ask),
    wide(ask),
    question(ask),
    failing(ask),
    chain(ask),
    slice(ask),
  ];
}
