import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";
import { outputOf } from "./single.ts";

const left = [
  { id: 1, l: "a" },
  { id: 2, l: "b" },
  { id: null, l: "c" },
];
const right = [{ key: 2, r: "x" }, { key: 2, r: "y" }, { key: 3, r: "z" }, { r: "none" }];
const keys = [{ left: "id", right: "key" }];

describe("merge", () => {
  const items = async (config: object, inputs: object = { left, right }) =>
    (await call("merge", config, { ...inputs })).output.items;
  it("appends what came, in the order of the inputs", async () => {
    expect(await items({ mode: "append" }, { a: [1, 2], b: null, c: 3 })).toEqual([1, 2, 3]);
    expect(await items({ mode: "append", inputs: ["c", "a"] }, { a: [1, 2], b: [9], c: 3 })).toEqual([3, 1, 2]);
  });
  it("gives the first that came", async () => {
    const { output } = await call("merge", { mode: "any" }, { a: null, b: { x: 1 }, c: 2 });
    expect(output).toEqual({ items: [{ x: 1 }], output: { x: 1 }, came: ["b", "c"] });
    expect((await call("merge", { mode: "any" }, { a: null })).output).toEqual({ items: [], output: null, came: [] });
    expect((await call("merge", { mode: "choose", input: "b" }, { a: 1, b: [2] })).output.output).toEqual([2]);
  });
  it("joins by key", async () => {
    const pairs = [
      { id: 2, l: "b", key: 2, r: "x" },
      { id: 2, l: "b", key: 2, r: "y" },
    ];
    expect(await items({ mode: "by_key", keys })).toEqual(pairs);
    expect(await items({ mode: "by_key", keys, matches: "first" })).toEqual(pairs.slice(0, 1));
    expect(await items({ mode: "by_key", keys, join: "left" })).toEqual([left[0], ...pairs, left[2]]);
    expect(await items({ mode: "by_key", keys, join: "right" })).toEqual([...pairs, right[2], right[3]]);
    expect(await items({ mode: "by_key", keys, join: "outer" })).toEqual([
      left[0],
      ...pairs,
      left[2],
      right[2],
      right[3],
    ]);
    expect(await items({ mode: "by_key", keys, join: "unmatched" })).toEqual([left[0], left[2], right[2], right[3]]);
  });
  it("lets one side win", async () => {
    const inputs = { a: [{ id: 1, v: "l" }], b: [{ id: 1, v: "r" }] };
    const same = [{ left: "id", right: "id" }];
    expect(await items({ mode: "by_key", keys: same }, inputs)).toEqual([{ id: 1, v: "r" }]);
    expect(await items({ mode: "by_key", keys: same, prefer: "left" }, inputs)).toEqual([{ id: 1, v: "l" }]);
  });
  it("pairs by position and with everything", async () => {
    const inputs = { a: [{ x: 1 }, { x: 2 }], b: [{ y: 1 }] };
    expect(await items({ mode: "by_position" }, inputs)).toEqual([{ x: 1, y: 1 }]);
    expect(await items({ mode: "by_position", includeUnpaired: true }, inputs)).toEqual([{ x: 1, y: 1 }, { x: 2 }]);
    expect(await items({ mode: "every_pair" }, inputs)).toEqual([
      { x: 1, y: 1 },
      { x: 2, y: 1 },
    ]);
    const many = new Array(1_000).fill({});
    expect(await refusal("merge", { mode: "every_pair" }, { a: many, b: many })).toBe("too_many_items");
    const equal = { left: "", right: "" };
    expect(await refusal("merge", { mode: "by_key", keys: [equal] }, { a: many, b: many })).toBe("too_many_items");
  });
  it("joins as two nested loops would", async () => {
    const list = (name: string) =>
      fc.array(fc.record({ id: fc.integer({ min: 0, max: 4 }), [name]: fc.nat() }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(list("l"), list("r"), async (a, b) => {
        const inner = a.flatMap((one) => b.filter(({ id }) => id === one.id).map((other) => ({ ...one, ...other })));
        const onlyA = a.filter(({ id }) => !b.some((other) => other.id === id));
        const onlyB = b.filter(({ id }) => !a.some((other) => other.id === id));
        const join = (how: string) =>
          items({ mode: "by_key", keys: [{ left: "id", right: "id" }], join: how }, { a, b });
        expect(await join("inner")).toEqual(inner);
        expect(new Set(await join("outer"))).toEqual(new Set([...inner, ...onlyA, ...onlyB]));
        expect(await join("unmatched")).toEqual([...onlyA, ...onlyB]);
        expect((await join("left")).length).toBe(inner.length + onlyA.length);
        expect((await join("right")).length).toBe(inner.length + onlyB.length);
      }),
    );
  });
  it("waits for every branch, and takes only what came over a live edge to its input", async () => {
    const canvas = (mode: string) => ({
      nodes: [
        { id: "start", type: "start", data: { outputs: [{ name: "in", type: "any" }] } },
        {
          id: "sw",
          type: "switch",
          data: {
            config: { mode: "index", input: "x", ports: 2, fallback: false },
            inputs: [{ name: "x", ref: "start.in" }],
          },
        },
        { id: "a", type: "no_op", data: { inputs: [{ name: "v", value: "A" }] } },
        { id: "b", type: "no_op", data: { inputs: [{ name: "v", value: "B" }] } },
        {
          id: "m",
          type: "merge",
          data: {
            config: { mode },
            inputs: [
              { name: "first", ref: "a.v" },
              { name: "second", ref: "b.v" },
              { name: "direct", ref: "start.in" },
            ],
          },
        },
        {
          id: "end",
          type: "end",
          data: {
            inputs: [
              { name: "out", ref: "m.output" },
              { name: "came", ref: "m.came" },
            ],
          },
        },
      ],
      edges: [
        { source: "start", target: "sw" },
        { source: "sw", sourceHandle: "case_0", target: "a" },
        { source: "sw", sourceHandle: "case_1", target: "b" },
        { source: "sw", sourceHandle: "case_1", target: "m", targetHandle: "direct" },
        { source: "a", target: "m", targetHandle: "first" },
        { source: "b", target: "m", targetHandle: "second" },
        { source: "m", target: "end" },
      ],
    });
    expect(await outputOf(canvas("append"), { in: 0 })).toEqual({ out: ["A"], came: ["first"] });
    expect(await outputOf(canvas("append"), { in: 1 })).toEqual({ out: ["B", 1], came: ["second", "direct"] });
    expect(await outputOf(canvas("any"), { in: 1 })).toEqual({ out: "B", came: ["second", "direct"] });
  });
});

describe("compare_datasets", () => {
  it("says what is where", async () => {
    const a = [{ id: 1, v: 1, t: 1 }, { id: 2, v: 2 }, { id: 3 }, { id: 1, v: 9 }];
    const b = [{ id: 2, v: 3 }, { id: 1, v: 1, t: 2 }, { id: 4 }];
    const same = [{ left: "id", right: "id" }];
    const { output } = await call("compare_datasets", { keys: same, ignore: ["t"] }, { left: a, right: b });
    expect(output).toEqual({
      onlyLeft: [a[2], a[3]],
      same: [a[0]],
      different: [{ left: a[1], right: b[0] }],
      onlyRight: [b[2]],
    });
  });
});
