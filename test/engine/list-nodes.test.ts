import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";

const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"toString":3,"a":1}');
const row = fc.record({ k: fc.integer({ min: 0, max: 5 }), v: fc.integer() }, { requiredKeys: ["v"] });
const rows = fc.array(row, { maxLength: 30 });

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let at = 0; at < levels; at++) value = [value];
  return value;
}

describe("filter", () => {
  const items = [{ n: 1, s: "Abc" }, { n: 5, s: "xyz" }, { n: null }, 7, null];
  const kept = async (condition: object, more: object = {}) =>
    (await call("filter", { conditions: [condition], ...more }, { items, five: 5 })).output;
  it("keeps what the conditions hold for and gives the others apart", async () => {
    expect(await kept({ left: "n", operator: "gt", value: 2 })).toEqual({
      items: [items[1]],
      rejected: [items[0], items[2], 7, null],
    });
    expect((await kept({ left: "n", operator: "equal", right: "five" })).items).toEqual([items[1]]);
    expect((await kept({ left: "", operator: "equal", value: 7 })).items).toEqual([7]);
    expect((await kept({ left: "n", operator: "not_exists" })).items).toEqual([items[2], 7, null]);
    expect((await kept({ left: "s", operator: "starts_with", value: "aB", ignoreCase: true })).items).toEqual([
      items[0],
    ]);
    expect((await kept({ left: "n", operator: "is_number" }, { logic: "or" })).items).toEqual([items[0], items[1]]);
  });
  it("reads patterns that take linear time, whatever they are", async () => {
    expect((await kept({ left: "s", operator: "matches", value: "^x.z$" })).items).toEqual([items[1]]);
    expect((await kept({ left: "s", operator: "not_matches", value: "b" })).items).toHaveLength(4);
    const text = `${"a".repeat(50_000)}!`;
    const condition = { left: "", operator: "matches", value: "^(a+)+$" };
    expect((await call("filter", { conditions: [condition] }, { items: [text] })).output.items).toEqual([]);
    for (const value of ["(", "(a{1000}){1000}", "a".repeat(1_001), "(?=a)"]) {
      expect(
        await refusal("filter", { conditions: [{ left: "", operator: "matches", value }] }, { items: ["a"] }),
      ).toBe("bad_pattern");
    }
  });
  it("reads no member of a prototype", async () => {
    for (const left of ["constructor", "__proto__", "toString.name", 'x["__proto__"]']) {
      const found = await call(
        "filter",
        { conditions: [{ left, operator: "exists" }] },
        { items: [{}, [], "text", 1] },
      );
      expect(found.output.items).toEqual([]);
    }
  });
  it("takes at most so many items", async () => {
    const config = { conditions: [{ left: "", operator: "exists" }] };
    expect(await refusal("filter", config, { items: new Array(100_001).fill(0) })).toBe("too_many_items");
    expect((await call("filter", config, { items: null })).output).toEqual({ items: [], rejected: [] });
    expect((await call("filter", config, { items: "one" })).output.items).toEqual(["one"]);
  });
});

describe("sort", () => {
  const sorted = async (items: unknown[], ...fields: object[]) =>
    (await call("sort", { by: "fields", fields }, { items })).output.items;
  it("orders by several fields, numbers before texts, what is missing last", async () => {
    const items = [{ a: "b" }, { a: 10 }, {}, { a: 9 }, { a: "a" }, { a: Number.NaN }];
    expect(await sorted(items, { path: "a" })).toEqual([items[3], items[1], items[4], items[0], items[2], items[5]]);
    expect(await sorted(items, { path: "a", order: "descending" })).toEqual([
      items[0],
      items[4],
      items[1],
      items[3],
      items[2],
      items[5],
    ]);
    expect(await sorted(["10", "9", "B", "a"], { as: "number" })).toEqual(["9", "10", "B", "a"]);
    expect(await sorted(["B", "a"], { ignoreCase: true })).toEqual(["a", "B"]);
    const two = [
      { a: 1, b: 2 },
      { a: 0, b: 3 },
      { a: 1, b: 1 },
    ];
    expect(await sorted(two, { path: "a", order: "descending" }, { path: "b" })).toEqual([two[2], two[0], two[1]]);
  });
  it("keeps the order of equal items, loses none, and sorting twice changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom("ascending", "descending"), async (given, order) => {
        const items = given.map((item, at) => ({ ...item, at }));
        const once = await sorted(items, { path: "k", order });
        for (let at = 1; at < once.length; at++) {
          const [a, b] = [once[at - 1], once[at]];
          if (a.k === b.k) expect(a.at).toBeLessThan(b.at);
          else if (b.k !== undefined) expect(order === "ascending" ? a.k < b.k : a.k > b.k).toBe(true);
        }
        expect(new Set(once)).toEqual(new Set(items));
        expect(await sorted(once, { path: "k", order })).toEqual(once);
      }),
      { numRuns: 100 },
    );
  });
  it("shuffles without losing any", async () => {
    const items = Array.from({ length: 200 }, (_none, at) => at);
    const { output } = await call("sort", { by: "random" }, { items });
    expect([...output.items].sort((a, b) => a - b)).toEqual(items);
    expect(items[0]).toBe(0);
  });
});

describe("limit", () => {
  const items = [1, 2, 3, 4, 5];
  it.each([
    [{ count: 2 }, [1, 2]],
    [{ count: 2, keep: "last" }, [4, 5]],
    [{ count: 2, skip: 1 }, [2, 3]],
    [{ count: 9, skip: 3, keep: "last" }, [1, 2]],
    [{ count: 0 }, []],
    [{ count: { input: "n" } }, [1, 2, 3]],
    [{}, [1]],
  ])("%j", async (config, expected) => {
    expect((await call("limit", config, { items, n: "3" })).output).toEqual({ items: expected, total: 5 });
  });
});

describe("remove_duplicates", () => {
  it("compares whole items, fields, or all but some", async () => {
    const items = [{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1, b: 3 }, { a: 2 }];
    const kept = async (config: object) => (await call("remove_duplicates", config, { items })).output;
    expect(await kept({ compare: "all" })).toEqual({ items: [items[0], items[2], items[3]], duplicates: [items[1]] });
    expect((await kept({ compare: "fields", fields: ["a"] })).items).toEqual([items[0], items[3]]);
    expect((await kept({ compare: "fields", fields: ["a"], keep: "last" })).items).toEqual([items[2], items[3]]);
    expect((await kept({ compare: "all_except", fields: ["b"] })).items).toEqual([items[0], items[3]]);
  });
  it("done twice is done once, and every key stays", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom("first", "last"), async (items, keep) => {
        const config = { compare: "fields", fields: ["k"], keep };
        const once = (await call("remove_duplicates", config, { items })).output;
        const twice = (await call("remove_duplicates", config, { items: once.items })).output;
        expect(twice).toEqual({ items: once.items, duplicates: [] });
        expect(once.items.length + once.duplicates.length).toBe(items.length);
        expect(new Set(once.items.map((item: { k?: number }) => item.k))).toEqual(new Set(items.map((item) => item.k)));
      }),
    );
  });
  it("refuses values that are too deep to compare", async () => {
    expect(await refusal("remove_duplicates", { compare: "all" }, { items: [deep(5_000)] })).toBe("too_deep");
  });
});

describe("aggregate and split_out", () => {
  const items = [
    { g: "a", n: 1, tags: ["x"] },
    { g: "b", n: "2.5", tags: ["x", "y"] },
    { g: "a", n: null, tags: [] },
  ];
  it("gathers items and fields", async () => {
    expect((await call("aggregate", { mode: "items" }, { items })).output.output).toEqual({ data: items });
    const fields = [{ path: "n" }, { path: "n", name: "all", keepMissing: true }, { path: "tags[0]", name: "first" }];
    expect((await call("aggregate", { mode: "fields", fields }, { items })).output.output).toEqual({
      n: [1, "2.5"],
      all: [1, "2.5", null],
      first: ["x", "x"],
    });
  });
  it("sums up by group", async () => {
    const how = ["sum", "average", "min", "max", "count", "count_unique", "concatenate", "append", "first", "last"];
    const fields = how.map((one) => ({ path: "n", how: one }));
    const { output } = await call("aggregate", { mode: "summarize", fields, groupBy: ["g"] }, { items });
    expect(output.items).toMatchObject([
      { g: "a", sum_n: 1, average_n: 1, min_n: 1, max_n: 1, count_n: 1, concatenate_n: "1", append_n: [1] },
      { g: "b", sum_n: 2.5, max_n: 2.5, count_unique_n: 1, first_n: "2.5", last_n: "2.5" },
    ]);
    const none = await call("aggregate", { mode: "summarize", fields }, { items: [] });
    expect(none.output.output).toMatchObject({ sum_n: 0, average_n: null, min_n: null, count_n: 0, first_n: null });
  });
  it("splits lists into items", async () => {
    const split = async (config: object, given: unknown[] = items) =>
      (await call("split_out", config, { items: given })).output.items;
    expect(await split({ fields: [{ path: "tags" }] })).toEqual(["x", "x", "y"]);
    expect(await split({ fields: [{ path: "tags", name: "t" }], include: "selected", selected: ["g"] })).toEqual([
      { g: "a", t: "x" },
      { g: "b", t: "x" },
      { g: "b", t: "y" },
    ]);
    expect((await split({ fields: [{ path: "tags" }], include: "others" }))[0]).toEqual({ g: "a", n: 1, tags: "x" });
    const two = [{ a: [1, 2], b: { x: 3 } }];
    expect(await split({ fields: [{ path: "a" }, { path: "b" }] }, two)).toEqual([
      { a: 1, b: 3 },
      { a: 2, b: null },
    ]);
  });
  it("is undone by the other", async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const packed = (await call("aggregate", { mode: "items", name: "list" }, { items: given })).output.items;
        const back = await call("split_out", { fields: [{ path: "list" }] }, { items: packed });
        expect(back.output.items).toEqual(given);
      }),
    );
  });
});

describe("set_fields", () => {
  const fields = [
    { path: "a.b", input: "x", type: "integer" },
    { path: "t", template: "{{item.name}}-{{x}}" },
    { path: "v", value: [1] },
  ];
  it("sets paths, from inputs, values and templates", async () => {
    const { output } = await call("set_fields", { fields, base: "o" }, { x: "5", o: { name: "N", a: { c: 1 } } });
    expect(output.output).toEqual({ name: "N", a: { c: 1, b: 5 }, t: "N-5", v: [1] });
    expect((await call("set_fields", { fields: [fields[2]] })).output.output).toEqual({ v: [1] });
  });
  it("does so in every object of a list, and keeps what it is told to", async () => {
    const inputs = {
      x: 1,
      o: [
        { name: "A", z: 1 },
        { name: "B", z: 2 },
      ],
    };
    const set = async (config: object) => (await call("set_fields", { base: "o", ...config }, inputs)).output.output;
    expect(await set({ fields: [fields[1]], include: "none" })).toEqual([{ t: "A-1" }, { t: "B-1" }]);
    expect(await set({ fields: [], include: "selected", names: ["z"] })).toEqual([{ z: 1 }, { z: 2 }]);
    expect(await set({ fields: [], include: "except", names: ["z"] })).toEqual([{ name: "A" }, { name: "B" }]);
  });
  it("never renders what came in, and refuses what is not of its type", async () => {
    const { output } = await call("set_fields", { fields: [{ path: "t", template: "{{x}}" }] }, { x: "{{y}}", y: 1 });
    expect(output.output).toEqual({ t: "{{y}}" });
    await expect(
      call("set_fields", { fields: [{ path: "n", input: "x", type: "number" }] }, { x: "a" }),
    ).rejects.toThrow();
  });
});

describe("hostile member names", () => {
  it("stay members, and change no prototype", async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).length;
    const outputs = [
      await call("set_fields", { fields: [{ path: "__proto__.polluted", value: 1 }], base: "o" }, { o: hostile }),
      await call("set_fields", { fields: [{ path: "constructor.prototype.polluted", value: 1 }] }),
      await call("merge", { mode: "by_position" }, { a: [hostile], b: [hostile] }),
      await call("merge", { mode: "by_key", keys: [{ left: "a", right: "a" }] }, { a: [hostile], b: [hostile] }),
      await call("aggregate", { mode: "items", name: "__proto__" }, { items: [hostile] }),
      await call("split_out", { fields: [{ path: "a", name: "__proto__" }], include: "others" }, { items: [hostile] }),
      await call(
        "compare_datasets",
        { keys: [{ left: "a", right: "a" }], ignore: ["__proto__"] },
        { left: [hostile], right: [{ a: 1 }] },
      ),
    ];
    expect(outputs).toHaveLength(7);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(before);
    expect(Object.hasOwn(outputs[2]?.output.items[0], "__proto__")).toBe(true);
  });
});
