import { NodeError } from "@weft/engine/node";
import type { ValueType } from "@weft/engine/plan";
import { compare, OPERATORS } from "@weft/engine/values/compare";
import {
  type ConversionWarning,
  convert,
  convertFields,
  convertStrict,
  convertValue,
  plainNumber,
  toText,
} from "@weft/engine/values/convert";
import { readInput } from "@weft/engine/values/input";
import { parseJson, stableStringify, tryParseJson } from "@weft/engine/values/json";
import { formatPath, parsePath, readPath, withPath } from "@weft/engine/values/path";
import { renderTemplate, templateNames } from "@weft/engine/values/template";
import { fillNull, zeroFilled, zeroValue } from "@weft/engine/values/types";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const leaf = fc.constantFrom("string", "integer", "number", "boolean", "object", "list", "any");
const { type: valueType } = fc.letrec<{ type: ValueType }>((tie) => ({
  type: fc.oneof(
    { depthSize: "small" },
    leaf.map((type) => ({ type }) as ValueType),
    tie("type").map((items): ValueType => ({ type: "list", items })),
    fc
      .array(fc.tuple(fc.string({ maxLength: 4 }), tie("type")), { maxLength: 3 })
      .map((fields): ValueType => ({ type: "object", fields: fields.map(([name, type]) => ({ name, type })) })),
  ),
}));

function lossOf(value: unknown, type: ValueType): { result: unknown; warnings: ConversionWarning[] } {
  const warnings: ConversionWarning[] = [];
  return { result: convert(value, type, "x", warnings), warnings };
}

describe("conversion", () => {
  const cases: [unknown, ValueType, unknown][] = [
    [123, { type: "string" }, "123"],
    [1e21, { type: "string" }, "1000000000000000000000"],
    [1.5e-7, { type: "string" }, "0.00000015"],
    [true, { type: "string" }, "true"],
    [{ b: 1, a: ["x"] }, { type: "string" }, '{"a":["x"],"b":1}'],
    ["123", { type: "integer" }, 123],
    ["-7", { type: "integer" }, -7],
    [3.9, { type: "integer" }, 3],
    [-3.9, { type: "integer" }, -3],
    [-0.5, { type: "integer" }, 0],
    ["-0", { type: "number" }, 0],
    ["7469607842648457243", { type: "integer" }, "7469607842648457243"],
    ["1.25", { type: "number" }, 1.25],
    ["1e3", { type: "number" }, 1000],
    ["T", { type: "boolean" }, true],
    ["False", { type: "boolean" }, false],
    ['{"a":1}', { type: "object" }, { a: 1 }],
    ['["1"]', { type: "list", items: { type: "integer" } }, [1]],
    [
      { a: "1", more: 2 },
      { type: "object", fields: [{ name: "a", type: { type: "integer" } }] },
      { a: 1, more: 2 },
    ],
    [null, { type: "integer" }, null],
    [["1", null], { type: "list", items: { type: "integer" } }, [1, null]],
  ];
  it.each(cases)("%j as %j is %j", (value, type, expected) => {
    const { result, warnings } = lossOf(value, type);
    expect(result).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  const losses: [unknown, ValueType, unknown, string][] = [
    ["abc", { type: "integer" }, null, "x"],
    ["1.5", { type: "integer" }, null, "x"],
    [true, { type: "integer" }, null, "x"],
    [true, { type: "number" }, null, "x"],
    [1, { type: "boolean" }, null, "x"],
    ["yes", { type: "boolean" }, null, "x"],
    ["[1]", { type: "object" }, null, "x"],
    ["nothing", { type: "list" }, [], "x"],
    [["1", "a", "2"], { type: "list", items: { type: "integer" } }, [1, 2], "x[1]"],
    [[1, { a: 1 }], { type: "list", items: { type: "object" } }, [null, { a: 1 }], "x[0]"],
    [{ a: "b" }, { type: "object", fields: [{ name: "a", type: { type: "number" } }] }, { a: null }, "x.a"],
  ];
  it.each(losses)("%j as %j is %j and names %s", (value, type, expected, path) => {
    const { result, warnings } = lossOf(value, type);
    expect(result).toEqual(expected);
    expect(warnings.map((warning) => warning.path)).toEqual([path]);
    expect(convertValue(value, type).warning).toContain("cannot be read as");
    expect(() => convertStrict(value, type, "x")).toThrow(NodeError);
    expect(() => convertStrict(value, type, "x")).toThrow(path);
  });

  it("never throws, whatever the JSON and the type", () => {
    fc.assert(
      fc.property(fc.jsonValue(), valueType, (value, type) => {
        const once = convert(value, type);
        expect(convert(once, type)).toEqual(once);
      }),
    );
  });

  it("never throws on hostile values", () => {
    let deep: unknown = "x";
    for (let i = 0; i < 50_000; i++) deep = [deep];
    expect(convert(deep, { type: "string" })).toBeNull();
    expect(convert("[".repeat(100_000), { type: "list" })).toEqual([]);
    const hostile = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}');
    const fields = [{ name: "__proto__", type: { type: "string" as const } }];
    const result = convert(hostile, { type: "object", fields });
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(convertFields(hostile, fields))).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("writes any finite number without an exponent and reads it back", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = plainNumber(value);
        expect(text).toMatch(/^-?\d+(\.\d+)?$/);
        expect(Number(text)).toBe(value === 0 ? 0 : value);
      }),
    );
  });
});

describe("zero and null", () => {
  it("has a zero for scalars and null for the rest", () => {
    const types = ["string", "integer", "number", "boolean", "object", "list", "any"] as const;
    expect(types.map((type) => zeroValue({ type }))).toEqual(["", 0, 0, false, null, null, null]);
  });
  const text = { type: "string" as const };
  const object = { type: "object" as const, fields: [{ name: "m", type: text }] };
  it("fills what is declared and missing with null, and leaves what is null", () => {
    const fields = [
      { name: "a", type: text },
      { name: "o", type: object },
    ];
    expect(fillNull({}, fields)).toEqual({ a: null, o: { m: null } });
    expect(fillNull({ a: 0, o: { x: 1 } }, fields)).toEqual({ a: 0, o: { x: 1, m: null } });
    expect(fillNull({ a: null, o: null }, fields)).toEqual({ a: null, o: null });
  });
  it("gives inputs the zero of their type, in lists too, and objects their members", () => {
    const list = (items: ValueType) => ({ type: "list" as const, items });
    const cases: [unknown, ValueType, unknown][] = [
      [undefined, text, ""],
      [null, text, ""],
      [undefined, object, { m: null }],
      [null, object, null],
      [{ x: 1 }, object, { x: 1, m: null }],
      [["a", null], list(text), ["a", ""]],
      [[null, 2], list({ type: "integer" }), [0, 2]],
      [[null, {}], list(object), [null, { m: null }]],
      [[null], list(list(text)), [null]],
      [[null], { type: "list" }, [null]],
    ];
    for (const [value, type, expected] of cases) expect(zeroFilled(value, type)).toEqual(expected);
  });
});

describe("a caller's parameters", () => {
  const fields = [
    { name: "text", type: { type: "string" as const }, default: "hello" },
    { name: "count", type: { type: "integer" as const }, default: "7" },
    { name: "list", type: { type: "list" as const }, default: '["a"]' },
    { name: "must", type: { type: "string" as const }, required: true },
  ];
  it("takes defaults for what is absent or empty and names what is missing", () => {
    const read = readInput(fields, { text: "", list: "[]", extra: 1 });
    expect(read.values).toEqual({ text: "hello", count: 7, list: ["a"], extra: 1 });
    expect(read.missing).toEqual(["must"]);
  });
  it("keeps zero, and warns of what cannot be read", () => {
    const read = readInput(fields, { text: "x", count: 0, must: "", list: "no" });
    expect(read).toMatchObject({ values: { text: "x", count: 0, must: "", list: ["a"] }, missing: [] });
    expect(readInput(fields, { must: "m", count: "many" }).warnings.map(({ path }) => path)).toEqual(["count"]);
  });
});

describe("paths", () => {
  it("reads members, items and quoted names", () => {
    expect(parsePath("a.b[0].c")).toEqual(["a", "b", 0, "c"]);
    expect(parsePath('global_variable_app["k 1"].x')).toEqual(["global_variable_app", "k 1", "x"]);
    for (const text of ["", ".a", "a.", "a..b", "[0]", "a[", "a[x]", "a b", "{a"])
      expect(parsePath(text)).toBeUndefined();
  });
  it("writes what it reads", () => {
    const part = fc.oneof(
      fc.string({ minLength: 1 }).filter((s) => !/["\\\]]/.test(s)),
      fc.nat(999),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,5}$/), fc.array(part, { maxLength: 4 }), (head, rest) => {
        const text = formatPath([head, ...rest]);
        fc.pre(text.length < 500);
        expect(parsePath(text)).toEqual([head, ...rest]);
      }),
    );
  });
  it("never reads a prototype", () => {
    const value = { a: [1, 2], s: "text" };
    for (const path of ["a.length", "s.length", "constructor", "__proto__", "a.constructor", "toString"]) {
      expect(readPath(value, parsePath(path)!)).toBeUndefined();
    }
    expect(readPath(value, ["a", 1])).toBe(2);
    expect(readPath(value, ["a", "1"])).toBe(2);
    expect(readPath(JSON.parse('{"__proto__":5}'), ["__proto__"])).toBe(5);
  });
  it("sets a part in a copy", () => {
    const before = { a: { b: [1, 2] } };
    expect(withPath(before, ["a", "b", 1], 9)).toEqual({ a: { b: [1, 9] } });
    expect(withPath(undefined, ["x", "y"], 1)).toEqual({ x: { y: 1 } });
    expect(before).toEqual({ a: { b: [1, 2] } });
  });
});

describe("JSON", () => {
  it("is the same text whatever the order of members", () => {
    expect(stableStringify({ b: [1, { d: 1, c: undefined }], a: null })).toBe('{"a":null,"b":[1,{"d":1}]}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(stableStringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
  it("keeps the digits of long numbers", () => {
    expect(parseJson('{"id":7469607842648457243,"n":1.5,"s":"7469607842648457243"}')).toEqual({
      id: "7469607842648457243",
      n: 1.5,
      s: "7469607842648457243",
    });
    expect(tryParseJson("{")).toBeUndefined();
  });
});

describe("templates", () => {
  const values = { a: { b: [{ c: "x" }, 2] }, t: true, n: null, o: { z: 1, y: "q" }, big: 1e21, hollow: { x: null } };
  const cases: [string, string][] = [
    ["{{a.b[0].c}}-{{ a.b[1] }}", "x-2"],
    ["{{t}} {{n}} {{o}} {{big}}", 'true  {"y":"q","z":1} 1000000000000000000000'],
    ["{{unknown}} {{unknown.a}} {{ 1 + 1 }}", "{{unknown}} {{unknown.a}} {{ 1 + 1 }}"],
    ["{{a.missing}}|{{t.x}}", "{{a.missing}}|{{t.x}}"],
    ["{{n.x}}|{{hollow.x.y}}", "|"],
    ["{{{t}}} {{ {{t}}", "{true} {{ true"],
    ["{{t} }} {{", "{{t} }} {{"],
    ["", ""],
  ];
  it.each(cases)("%j renders %j", (template, expected) => {
    expect(renderTemplate(template, values)).toBe(expected);
  });

  it("fails for an item that a list does not have", () => {
    expect(() => renderTemplate("{{a.b[2]}}", values)).toThrow(NodeError);
    expect(() => renderTemplate("{{a.b[2].c}}", values)).toThrow("no such item");
  });

  it("puts data in as it is, also data that looks like a template", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (x, y) => {
        const data = { x: `{{y}}${x}{{x}}`, y };
        expect(renderTemplate("<{{x}}|{{y}}>", data)).toBe(`<${data.x}|${y}>`);
      }),
    );
  });

  it("leaves text without known names alone, so rendering twice changes nothing", () => {
    const piece = fc.constantFrom("{{", "}}", "{", "}", "a", ".", "[0]", " ", "{{known}}", "é");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const template = pieces.join("");
        expect(renderTemplate(template, {})).toBe(template);
        const once = renderTemplate(template, { known: "K" });
        expect(renderTemplate(once, {})).toBe(once);
      }),
    );
  });

  it("takes a number of steps that grows with the text alone", () => {
    for (const template of ["{{".repeat(200_000), `${"{{a".repeat(100_000)}}}`, "{{a}}".repeat(50_000)]) {
      expect(renderTemplate(template, { a: "1" }).length).toBeGreaterThan(0);
    }
  });

  it("names what it reads", () => {
    expect(templateNames("{{a.b}} {{c[0]}} {{a}} {{ }}")).toEqual(["a", "c"]);
  });
});

describe("conditions", () => {
  const holds: [(typeof OPERATORS)[number], unknown, unknown][] = [
    ["equal", 1, 1],
    ["equal", "1", 1],
    ["equal", { a: 1, b: 2 }, { b: 2, a: 1 }],
    ["equal", null, undefined],
    ["not_equal", "a", "b"],
    ["length_gt", "é", 1],
    ["length_gte", [1, 2], 2],
    ["length_lt", null, 1],
    ["length_lte", { a: 1 }, 1],
    ["contains", "hello", "ell"],
    ["contains", [1, { a: 1 }], { a: 1 }],
    ["contains", { key: 0 }, "key"],
    ["not_contains", { key: 0 }, "constructor"],
    ["empty", "", undefined],
    ["empty", [], undefined],
    ["empty", null, undefined],
    ["not_empty", 0, undefined],
    ["is_true", true, undefined],
    ["is_true", "TRUE", undefined],
    ["is_false", false, undefined],
    ["is_false", null, undefined],
    ["gt", 0, null],
    ["gte", null, undefined],
    ["lt", null, -5],
    ["lte", null, 0],
    ["gt", 2, 1],
    ["gt", "10", "9"],
    ["gte", "2026-01-02", "2026-01-02"],
    ["lt", "2026-01-01", "2026-01-02"],
    ["lte", 1, "1"],
  ];
  it.each(holds)("%s holds for %j and %j", (operator, left, right) => {
    expect(compare(operator, left, right)).toBe(true);
  });
  it.each([
    ["equal", 0, null],
    ["equal", "", null],
    ["empty", 0, undefined],
    ["is_true", null, undefined],
    ["is_true", 1, undefined],
    ["gt", null, -1],
    ["lt", null, undefined],
    ["gte", null, 0],
    ["lte", {}, {}],
    ["gt", true, "x"],
  ] as const)("%s does not hold for %j and %j", (operator, left, right) => {
    expect(compare(operator, left, right)).toBe(false);
  });
  it("decides for any two values", () => {
    fc.assert(
      fc.property(fc.constantFrom(...OPERATORS), fc.jsonValue(), fc.jsonValue(), (operator, left, right) => {
        expect(typeof compare(operator, left, right)).toBe("boolean");
        expect(compare("contains", left, right)).toBe(!compare("not_contains", left, right));
      }),
    );
  });
  it("renders any value as text", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(typeof toText(value)).toBe("string");
      }),
    );
  });
});
