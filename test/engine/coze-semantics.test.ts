import { type CanvasInput, readCanvas } from "@weft/engine/canvas";
import { ERROR_PORT, type Field } from "@weft/engine/plan";
import { absorbed } from "@weft/engine/run/policy";
import { convert } from "@weft/engine/values/convert";
import { readInput } from "@weft/engine/values/input";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";
import { around, failureOf, outputOf } from "./single.ts";
import { runCanvas } from "./support.ts";

/** Rules of Coze's engine that its canvases rely on, beside those that its own tests show. */

const text = { type: "string" } as const;

describe("conversion", () => {
  it("drops an item of a list in which something was lost, and keeps an object of which something was lost", () => {
    const numbers = { type: "list", items: { type: "integer" } } as const;
    expect(convert([["1"], ["x", "2"], [3]], { type: "list", items: numbers })).toEqual([[1], [3]]);
    const object = { type: "object", fields: [{ name: "n", type: { type: "integer" } }] } as const;
    expect(
      convert([{ n: "1" }, { n: "x" }, "no"], { type: "list", items: { ...object, fields: [...object.fields] } }),
    ).toEqual([{ n: 1 }, { n: null }, null]);
  });

  it("asks for the required members of objects, those in lists included", () => {
    const member: Field = { name: "m", type: text, required: true };
    const object = { type: "object" as const, fields: [member] };
    const fields: Field[] = [
      { name: "o", type: { type: "object", fields: [{ name: "inner", type: object }] } },
      { name: "l", type: { type: "list", items: object } },
    ];
    expect(readInput(fields, { o: {}, l: [{ m: "x" }] }).missing).toEqual([]);
    expect(readInput(fields, { o: '{"inner":{}}', l: [{ m: null }, { x: 1 }] }).missing).toEqual([
      "o.inner.m",
      "l[1].m",
    ]);
    expect(readInput(fields, {}).missing).toEqual([]);
  });
});

describe("inputs", () => {
  const canvas = (inputs: CanvasInput[]) => around({ type: "json_serialize", data: { inputs } }, ["output"]);
  it("are zero where they are null, in lists too, and objects have their declared members", async () => {
    const object = { type: "object", fields: [{ name: "a", type: "string" }] } as const;
    const run = (type: CanvasInput["type"], value: unknown) =>
      outputOf(canvas([{ name: "input", ...(type ? { type } : {}), ref: "start.in" }]), { in: value }).then(
        ({ output }) => JSON.parse(String(output)),
      );
    expect(await run({ type: "list", items: "string" }, ["x", null])).toEqual(["x", ""]);
    expect(await run({ ...object, fields: [...object.fields] }, { b: 1 })).toEqual({ a: null, b: 1 });
    expect(await run("integer", "no number")).toBe(0);
    expect(await run({ ...object, fields: [...object.fields] }, null)).toBeNull();
  });

  it("of code are zero too", async () => {
    const seen: unknown[] = [];
    const code = {
      run: async (request: { inputs: unknown }) => {
        seen.push(request.inputs);
        return {
          output: {},
          stdout: "",
          stderr: "",
          exitCode: 0,
          files: [],
          durationMs: 0,
          cpuMs: 0,
          peakMemoryBytes: 0,
        };
      },
    };
    const inputs: CanvasInput[] = [
      { name: "s", type: "string", ref: "start.in" },
      { name: "n", type: "number", ref: "start.in" },
      { name: "free", ref: "start.in" },
    ];
    await runCanvas(
      around({ type: "code", data: { config: { language: "javascript", code: "1" }, inputs } }),
      {},
      {
        deps: { code },
      },
    );
    expect(seen).toEqual([{ s: "", n: 0, free: null }]);
  });
});

describe("outputs of a failed node", () => {
  const outputs: Field[] = [
    { name: "s", type: text },
    { name: "n", type: { type: "integer" } },
    { name: "o", type: { type: "object" } },
  ];
  const instead = (fallback: unknown, onError: "default" | "branch" = "default") => {
    const node = { id: "n", type: "code", title: "", config: {}, inputs: [], outputs, effectful: true };
    return absorbed({ ...node, policy: { onError, fallback } }, { code: "c", message: "m" });
  };
  it("are the fallback by field, converted, and null where it says nothing", () => {
    const errorBody = { errorMessage: "m", errorCode: "c" };
    expect(instead({ s: 5, n: "7" })).toEqual({ output: { s: "5", n: 7, o: null, isSuccess: false, errorBody } });
    expect(instead('{"n":"x"}')?.output).toMatchObject({ s: null, n: null, o: null });
    expect(instead(undefined, "branch")).toMatchObject({ port: ERROR_PORT, output: { s: null, n: null } });
  });
  it("are the text for texts and zero for the rest where the fallback is no object", () => {
    for (const fallback of ["sorry", "5", "[1]"])
      expect(instead(fallback)?.output).toMatchObject({ s: fallback, n: 0, o: null });
  });
});

describe("templates", () => {
  it("leave what a value does not have as it is written, and join lists only where they are whole inputs", async () => {
    const render = (template: string, inputs: Record<string, unknown>) =>
      call("text", { method: "concat", template, joinWith: "-" }, inputs).then(({ output }) => output.output);
    expect(await render("{{l}} {{o.l}} {{o.l[1]}}", { l: [1, null, { a: [2] }], o: { l: [3, 4] } })).toBe(
      '1--{"a":[2]} [3,4] 4',
    );
    expect(await render("{{o.x}} {{o.n}} {{o.n.x}} {{l.x}}", { o: { n: null }, l: [] })).toBe("{{o.x}}   {{l.x}}");
    await expect(render("{{l[1]}}", { l: [0] })).rejects.toMatchObject({ code: "index_out_of_range" });
  });
});

describe("a question", () => {
  it("has options that may be templates, and fails where there is nothing to choose from", async () => {
    const question = (config: object) => ({
      type: "question",
      data: {
        config: { question: "Which?", answerType: "option", ...config },
        inputs: [{ name: "x", ref: "start.in" }],
      },
    });
    const asked = await runCanvas(
      around(question({ options: ["not {{x}}", "{{x}}"] }), [], ["branch_0", "branch_1", "default"]),
      {
        in: "{{y}}",
      },
    );
    const { suspend } = asked.run.journal.records.get("n") ?? {};
    expect(suspend).toMatchObject({ event: { data: { options: ["not {{y}}", "{{y}}"] } } });
    const dynamic = around(question({ optionsInput: "x" }), [], ["branch_0", "default"]);
    for (const none of [[], null, "red"])
      expect((await failureOf(dynamic, { in: none })).error.code).toBe("no_options");
  });
});

describe("JSON", () => {
  it("is refused where it is no object or list, as the output is declared", async () => {
    const node = (type: "object" | "list") => ({ outputs: [{ name: "output", type: { type } }] });
    const read = (type: "object" | "list", input: string) =>
      call("json_deserialize", {}, { input }, { node: node(type) as never }).then(({ output }) => output.output);
    const refused = (type: "object" | "list", input: string) =>
      refusal("json_deserialize", {}, { input }, { node: node(type) as never });
    expect(await read("object", '{"a":1}')).toEqual({ a: 1 });
    expect(await read("list", "[1]")).toEqual([1]);
    expect(await read("object", "null")).toBeNull();
    for (const wrong of ["[1]", "5", '"{}"']) expect(await refused("object", wrong)).toBe("invalid_json");
    expect(await refused("list", "{}")).toBe("invalid_json");
  });
});

describe("an HTTP request", () => {
  it("of Coze has one parameter and one header a name, the last one", () => {
    const param = (name: string, content: string) => ({
      name,
      input: { type: "string", value: { type: "literal", content } },
    });
    const twice = [param("a", "1"), param("", "x"), param("b", "2"), param("a", "3")];
    const inputs = { apiInfo: { method: "get", url: "https://example.com" }, params: twice, headers: twice };
    const canvas = readCanvas({ nodes: [{ id: "7", type: "45", data: { inputs } }], edges: [] });
    const pairs = [
      { name: "a", value: "3" },
      { name: "b", value: "2" },
    ];
    expect(canvas.nodes[0]?.data.config).toMatchObject({ params: pairs, headers: pairs });
  });

  it("has parameters that stand for those of the same name in its address", async () => {
    const urls: string[] = [];
    const http = {
      request: async ({ url }: { url: string }) => {
        urls.push(url);
        return { status: 200, headers: {}, body: new Uint8Array() };
      },
    };
    const config = {
      url: "https://example.com/?a=1&b=2&key=old",
      params: [
        { name: "a", value: "x" },
        { name: "a", value: "y" },
      ],
      auth: { type: "custom", addTo: "query", key: { value: "key" }, value: { value: "new" } },
    };
    const node = { policy: { onError: "throw" } } as never;
    await call("http_request", config, {}, { deps: { http }, node });
    expect(
      Object.fromEntries(
        [...new URL(urls[0]!).searchParams.keys()].map((k) => [k, new URL(urls[0]!).searchParams.getAll(k)]),
      ),
    ).toEqual({
      a: ["x", "y"],
      b: ["2"],
      key: ["new"],
    });
  });
});
