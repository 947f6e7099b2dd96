import { readCanvas } from "@weft/engine/canvas";
import { compile, validate } from "@weft/engine/compile";
import { AppError } from "@weft/kernel/errors";
import { describe, expect, it } from "vitest";
import { fixture, fixtureNames, hasFixtures, runCanvas } from "./support.ts";

const here = hasFixtures();

const start = { id: "100001", type: "1", data: { outputs: [{ type: "string", name: "q", required: true }] } };
const ref = (blockID: string, name: string) => ({ type: "ref", content: { source: "block-output", blockID, name } });
const end = (value: unknown) => ({
  id: "900001",
  type: "2",
  data: {
    inputs: {
      terminatePlan: "returnVariables",
      inputParameters: [{ name: "out", input: { type: "string", value } }],
    },
  },
});
const link = (...ids: string[]) =>
  ids.slice(1).map((id, at) => ({ sourceNodeID: ids[at], targetNodeID: id, sourcePortID: "" }));

describe("every canvas of the fixtures", () => {
  it("is read the same as a value and as text, and what is read is a canvas of ours", () => {
    if (!here) return expect(here).toBe(false);
    const names = fixtureNames("coze-canvases");
    expect(names).toHaveLength(50);
    for (const name of names) {
      const raw = fixture(`coze-canvases/${name}`);
      const canvas = readCanvas(raw);
      expect(readCanvas(JSON.stringify(raw))).toEqual(canvas);
      expect(readCanvas(JSON.parse(JSON.stringify(canvas)))).toEqual(canvas);
      const { issues } = compile(canvas);
      expect(issues.filter(({ code }) => code === "bad_config" || code === "unknown_type")).toEqual([]);
    }
  });
});

describe("Coze's canvas", () => {
  it("may write its keys in any case and its numbers as text", async () => {
    const canvas = {
      Nodes: [
        start,
        {
          ID: "5",
          Type: "8",
          Data: {
            Inputs: {
              Branches: [
                {
                  Condition: {
                    Logic: "2",
                    Conditions: [
                      {
                        Operator: "1",
                        Left: { Input: { Type: "string", Value: ref("100001", "q") } },
                        Right: { input: { type: "string", value: { type: "literal", content: "yes" } } },
                      },
                    ],
                  },
                },
              ],
            },
          },
          blocks: [],
          edges: null,
        },
        end(ref("100001", "q")),
      ],
      edges: [
        ...link("100001", "5"),
        { sourceNodeID: "5", targetNodeID: "900001", sourcePortID: "true" },
        { sourceNodeID: "5", targetNodeID: "900001", sourcePortID: "false" },
      ],
    };
    const { run, ...outcome } = await runCanvas(canvas, { q: "yes" });
    expect(outcome).toMatchObject({ output: { out: "yes" } });
    expect(run.records.find(({ nodeId }) => nodeId === "5")?.port).toBe("true");
  });

  it("names a node of unknown type, and keeps types that are not installed", () => {
    const canvas = (type: string) => ({
      nodes: [start, { id: "7", type, data: {} }, end(ref("100001", "q"))],
      edges: link("100001", "7", "900001"),
    });
    for (const type of ["999", "1000", "abc", ""]) {
      try {
        readCanvas(canvas(type));
        expect.unreachable();
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(AppError);
        expect((thrown as AppError).details).toMatchObject({ issues: [{ path: "nodes.7.type" }] });
      }
    }
    const [issue] = validate(readCanvas(canvas("4")));
    expect(issue).toMatchObject({
      code: "unavailable_type",
      nodeId: "7",
      message: 'node type "plugin" is not available',
    });
  });

  it("reads both settings for errors", () => {
    const onError = (inputs: object) =>
      readCanvas({ nodes: [{ id: "7", type: "5", data: { inputs } }], edges: [] }).nodes[0]?.data.onError;
    expect(onError({ settingOnError: {} })).toBeUndefined();
    expect(onError({ settingOnError: { switch: false, dataOnErr: "{}", timeoutMs: 300 } })).toEqual({
      timeoutMs: 300,
    });
    expect(onError({ settingOnError: { switch: false, dataOnErr: "{}", processType: 3 } })).toEqual({
      strategy: "branch",
    });
    expect(onError({ settingOnError: { switch: true, processType: 3, retryTimes: 2, timeoutMs: 60000 } })).toEqual({
      strategy: "branch",
      retries: 2,
      delayMs: 0,
      jitter: false,
      timeoutMs: 60000,
    });
    expect(onError({ settingOnError: { switch: true, dataOnErr: '{"a":1}' } })).toEqual({
      strategy: "default",
      fallback: { a: 1 },
    });
    expect(onError({ settingOnError: { switch: true, processType: 2, dataOnErr: "sorry" } })).toEqual({
      strategy: "default",
      fallback: "sorry",
    });
    expect(
      onError({ setting: { timeout: 120, retryTimes: 3 }, settingOnError: { switch: true, processType: 1 } }),
    ).toEqual({
      retries: 3,
      delayMs: 0,
      jitter: false,
      timeoutMs: 120_000,
    });
  });

  it("turns references inside HTTP templates into inputs, and takes only the chosen body", () => {
    const canvas = readCanvas({
      nodes: [
        {
          id: "45",
          type: "45",
          data: {
            inputs: {
              apiInfo: { method: "post", url: "http://x.test/{{block_output_100001.q.a}}\n" },
              body: {
                bodyType: "JSON",
                bodyData: {
                  json: '{"a":"{{global_variable_app["k"]}}","b":"{{block_output_100001.q.a}}"}',
                  rawText: "{{block_output_9.x}}",
                },
              },
              auth: { authOpen: false, authType: "NONSENSE" },
            },
          },
        },
      ],
      edges: [],
    });
    expect(canvas.nodes[0]?.data).toMatchObject({
      config: {
        method: "POST",
        url: "http://x.test/{{http_0}}",
        body: { type: "json", template: '{"a":"{{http_1}}","b":"{{http_0}}"}' },
        auth: { type: "none" },
      },
      inputs: [
        { name: "http_0", ref: "100001.q.a" },
        { name: "http_1", variable: "app.k" },
      ],
    });
  });

  it("runs a node of batch mode as a batch around it", () => {
    const raw = {
      id: "9",
      type: "9",
      data: {
        nodeMeta: { title: "each" },
        inputs: {
          workflowId: "77",
          batch: {
            batchEnable: true,
            batchSize: 0,
            concurrentSize: "60",
            inputLists: [
              {
                name: "item",
                input: { type: "list", schema: { type: "string" }, value: { type: "literal", content: '["a"]' } },
              },
            ],
          },
          inputParameters: [{ name: "x", input: { type: "string", value: ref("9", "item") } }],
          settingOnError: { switch: true, processType: 2, dataOnErr: "{}" },
        },
        outputs: [
          { name: "outputList", type: "list", schema: { type: "object", schema: [{ name: "y", type: "string" }] } },
        ],
      },
    };
    const canvas = readCanvas({
      nodes: [start, raw, end(ref("9", "outputList"))],
      edges: link("100001", "9", "900001"),
    });
    expect(canvas.nodes[1]).toMatchObject({
      id: "9",
      type: "batch",
      data: {
        label: "each",
        config: { items: ["item"], batchSize: 100, concurrency: 50, collect: [{ name: "outputList", ref: "9_inner" }] },
        onError: { strategy: "default" },
        body: { nodes: [{ id: "9_inner", type: "sub_workflow", data: { outputs: [{ name: "y", type: "string" }] } }] },
      },
    });
    expect(compile(canvas).issues).toEqual([]);
    expect(compile(canvas).plan.references).toEqual([{ workflowId: "77", nodeId: "9_inner" }]);
  });

  it("keeps types, kinds of files and defaults", () => {
    const outputs = [
      { name: "doc", type: "string", assistType: 3, defaultValue: "http://f.test/a.pdf?x-wf-file_name=a.pdf&k=1" },
      { name: "at", type: "string", assistType: 10000 },
      { name: "n", type: "float", required: true, description: "a number" },
      { name: "o", type: "object", schema: [{ name: "l", type: "list", schema: { type: "integer" } }] },
      { name: "any", type: "mystery" },
    ];
    const canvas = readCanvas({ nodes: [{ id: "100001", type: "1", data: { outputs } }], edges: [] });
    expect(canvas.nodes[0]?.data.outputs).toEqual([
      { name: "doc", type: { type: "string", assist: "doc" }, default: "http://f.test/a.pdf?k=1" },
      { name: "at", type: { type: "string", assist: "time" } },
      { name: "n", type: "number", required: true, description: "a number" },
      { name: "o", type: { type: "object", fields: [{ name: "l", type: { type: "list", items: "integer" } }] } },
      { name: "any", type: "any" },
    ]);
  });
});
