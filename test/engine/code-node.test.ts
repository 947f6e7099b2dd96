import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import type { CodeOutcome } from "@weft/engine/code";
import type { NodeDeps } from "@weft/engine/node";
import { NodeFailed } from "@weft/engine/run/io";
import { afterAll, describe, expect, it } from "vitest";
import { runCanvas } from "./support.ts";

const sandbox = createSandbox(sandboxParts(import.meta.url));
afterAll(() => sandbox.close());

function canvas(code: string, data: object = {}, outputs: object[] = [{ name: "n", type: "integer" }]) {
  const node = (id: string, type: string, rest: object) => ({
    id,
    type,
    position: { x: 0, y: 0 },
    data: { label: id, config: {}, inputs: [], ...rest },
  });
  return {
    nodes: [
      node("start", "start", { outputs: [{ name: "a", type: "any" }] }),
      node("code", "code", {
        config: { language: "javascript", code },
        inputs: [{ name: "a", ref: "start.a" }],
        outputs,
        ...data,
      }),
      node("end", "end", { config: {}, inputs: [{ name: "all", ref: "code" }] }),
    ],
    edges: [
      { id: "e1", source: "start", target: "code" },
      { id: "e2", source: "code", target: "end" },
    ],
    viewport: { x: 0, y: 0, zoom: 1 },
  };
}
const deps: NodeDeps = { code: sandbox };
const outputOf = async (code: string, a: unknown, data: object = {}, outputs?: object[]) => {
  const outcome = await runCanvas(canvas(code, data, outputs), { a }, { deps });
  return outcome.run.records.find(({ nodeId }) => nodeId === "code")?.output;
};

describe("the code node", () => {
  it("converts what main returns to the declared outputs and leaves out the rest", async () => {
    const outputs = [
      { name: "n", type: "integer" },
      { name: "text", type: "string" },
      { name: "list", type: { type: "list", items: { type: "string" } } },
      { name: "missing", type: "string" },
    ];
    const code = "export default ({ a }) => ({ n: '7', text: { a }, list: [1, true], extra: 1 })";
    expect(await outputOf(code, 5, {}, outputs)).toEqual({ n: 7, text: '{"a":5}', list: ["1", "true"], missing: null });
  });

  it("gives the program the Files that its inputs name, and keeps what it wrote where that is declared", async () => {
    const fileId = "fil_01jd0000000000000000000000";
    const made: [string, string, string][] = [];
    const files: NonNullable<NodeDeps["files"]> = {
      get: async () => ({ bytes: Buffer.from("1,2"), contentType: "text/csv", name: "in.csv" }),
      put: async () => undefined,
      create: async ({ name, bytes, contentType }, key) => {
        made.push([name, Buffer.from(bytes).toString(), key]);
        return { id: fileId, name, contentType, size: bytes.length };
      },
    };
    const code = "export default () => { writeFile('out.csv', readFile('in.csv') + ',3'); return { n: 1 } }";
    const data = { inputs: [{ name: "a", ref: "start.a", type: { type: "string", assist: "file" } }] };
    const run = async (outputs: object[]) => {
      const outcome = await runCanvas(canvas(code, data, outputs), { a: fileId }, { deps: { ...deps, files } });
      return outcome.run.records.find(({ nodeId }) => nodeId === "code")?.output;
    };
    const declared = [
      { name: "n", type: "integer" },
      { name: "files", type: { type: "list", items: { type: "object" } } },
    ];
    expect(await run(declared)).toEqual({ n: 1, files: [{ id: fileId, name: "out.csv", contentType: "", size: 5 }] });
    expect(made).toEqual([["out.csv", "1,2,3", "exe_test:code:out.csv"]]);
    expect(await run([{ name: "n", type: "integer" }])).toEqual({ n: 1 });
    expect(made).toHaveLength(1);
  });

  it("fails with the program's own line and words", async () => {
    const failed = runCanvas(
      canvas("export default () => {\n  throw new TypeError('bad ' + 1);\n}"),
      { a: 1 },
      { deps },
    );
    await expect(failed).rejects.toBeInstanceOf(NodeFailed);
    const error = await failed.catch((thrown: NodeFailed) => thrown.error);
    expect(error).toMatchObject({ code: "code_error", message: "line 2: TypeError: bad 1", details: { exitCode: 1 } });
  });

  it("follows its policy: tries again, then falls back", async () => {
    let runs = 0;
    const outcome: CodeOutcome = {
      output: null,
      stdout: "",
      stderr: "",
      exitCode: 137,
      durationMs: 1,
      cpuMs: 1,
      peakMemoryBytes: 1,
      files: [],
      error: { code: "crashed", message: "gone" },
    };
    const counting: NodeDeps = { code: { run: async () => ({ ...outcome, cpuMs: ++runs }) } };
    const onError = { strategy: "default", fallback: { n: 9 }, retries: 2, delayMs: 1 };
    const done = await runCanvas(canvas("1", { onError }), { a: 1 }, { deps: counting });
    expect(runs).toBe(3);
    expect(done.run.records.find(({ nodeId }) => nodeId === "code")?.output).toMatchObject({ n: 9, isSuccess: false });
  });

  it("refuses an output that is no object, and a place without a sandbox", async () => {
    for (const [code, given] of [
      ["export default () => [1]", deps],
      ["export default () => 1", {}],
    ] as const) {
      await expect(runCanvas(canvas(code), { a: 1 }, { deps: given })).rejects.toBeInstanceOf(NodeFailed);
    }
  });
});
