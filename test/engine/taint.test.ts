// The payloads look like template strings on purpose.
/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: data of the tests */
import type { CanvasNode } from "@weft/engine/canvas";
import type { FileContent, HttpRequest, NodeDeps } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import { suspensionKey } from "@weft/engine/record";
import { NodeFailed } from "@weft/engine/run/io";
import { runPlan } from "@weft/engine/run/plan";
import { stableStringify } from "@weft/engine/values/json";
import { describe, expect, it } from "vitest";
import { ScriptedModels } from "../support/models.ts";
import { planOf, testRun } from "./support.ts";
import { SCENARIOS, type Scenario, WITHOUT_DATA } from "./taint-scenarios.ts";

/**
 * Whatever data looks like, it stays data: a node that is given a text which some language would run or replace gives
 * what it gives for any other text, with that text in its place.
 */

/** How Coze, n8n, Dify, JSONata, Jinja, JavaScript and others write what is to be run, and names that bite. */
const PAYLOADS = [
  "{{x}}",
  "{{v}}",
  "{{ 7*7 }}",
  "{{{{v}}}}",
  "{{start.in}}",
  "={{ $json.v }}",
  "={{ $('start').first().json.v }}",
  "{{#start.in#}}",
  "{% for i in (1,2) %}x{% endfor %}",
  "{{ v | upper }}",
  "{# gone #}",
  "{% raw %}",
  `${["$ev", "al"].join("")}('1')`,
  "${v}",
  "#{v}",
  "<%= v %>",
  "$now()",
  "$uuid() & $random()",
  "$&$1$$",
  "app.v",
  "__proto__",
  "constructor",
];
/** A text that no language knows. */
const PLAIN = "Xplainx";

interface Seen {
  output: unknown;
  port: unknown;
  error: unknown;
  /** What was asked, said and answered on the way. */
  told: unknown[];
}

const encode = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function answer({ url, headers, body }: HttpRequest) {
  const { searchParams } = new URL(url);
  const title = searchParams.get("title");
  const feed = `<rss version="2.0"><channel><title>${escaped(title ?? "")}</title><item><title>${escaped(title ?? "")}</title></item></channel></rss>`;
  const sent = {
    query: searchParams.get("q"),
    parameter: searchParams.get("p"),
    headers: [headers["x-input"], headers["x-template"]],
    body: body === undefined ? null : JSON.parse(String(body)),
  };
  return { status: 200, headers: {}, body: encode(title === null ? sent : feed) };
}

function depsOf(data: string): NodeDeps {
  const user = new Map<string, unknown>([["v", data]]);
  const files = new Map<string, FileContent>();
  const spent = { stdout: "", stderr: "", exitCode: 0, files: [], durationMs: 0, cpuMs: 0, peakMemoryBytes: 0 };
  const echo = {
    nodes: [
      { id: "start", type: "start", data: {} },
      { id: "end", type: "end", data: { inputs: [{ name: "echo", ref: "start.in" }] } },
    ],
    edges: [{ source: "start", target: "end" }],
  };
  return {
    http: { request: async (request) => answer(request) },
    code: { run: async ({ inputs }) => ({ output: inputs, ...spent }) },
    variables: { get: async (name) => user.get(name), set: async (name, value) => void user.set(name, value) },
    // Says what it was told, in whatever form it is asked for.
    models: new ScriptedModels(({ messages, format }) => {
      const said = String(messages.at(-1)?.content);
      const fields = { a: said, b: [said, { deep: said }] };
      return format ? JSON.stringify({ classificationId: 1, reason: said, classes: [1], ...fields }) : said;
    }),
    files: {
      get: async (key) => files.get(key) ?? null,
      put: async (key, content) => void files.set(key, content),
    },
    workflows: { load: async ({ workflowId }) => ({ workflowId, version: null, plan: planOf(echo) }) },
  };
}

function canvasOf(nodes: CanvasNode[]) {
  const start = { id: "start", type: "start", data: { outputs: [{ name: "in", type: "any" }] } };
  const chain = [start, ...nodes];
  const edges = chain.flatMap(({ id, type, data }, at) => {
    const config = nodeTypes.get(type)?.config.safeParse("config" in data ? data.config : {});
    const ports = config?.success ? (nodeTypes.get(type)?.ports?.(config.data) ?? ["default"]) : ["default"];
    const target = chain[at + 1]?.id ?? "end";
    return ports.map((sourceHandle) => ({ source: id, sourceHandle, target }));
  });
  // What ends in an error does not lead to the end; something has to.
  const way = edges.some(({ target }) => target === "end") ? [] : [{ source: "start", target: "end" }];
  return { nodes: [...chain, { id: "end", type: "end", data: {} }], edges: [...edges, ...way] };
}

async function run(nodes: CanvasNode[], data: string, input: unknown = { text: data }): Promise<Seen> {
  const test = testRun({ deps: depsOf(data), variables: { v: data }, system: { v: data } });
  const plan = planOf(canvasOf(nodes));
  const id = nodes.at(-1)?.id;
  const told: unknown[] = [];
  const go = () =>
    runPlan(plan, { in: input }, test.io).catch((thrown: unknown) => {
      if (thrown instanceof NodeFailed) return thrown;
      throw thrown;
    });
  let outcome = await go();
  if (!(outcome instanceof NodeFailed) && outcome.status === "blocked") {
    const waiting = [...test.journal.records.values()].find(({ status }) => status === "waiting");
    if (waiting?.suspend?.kind !== "signal") throw new Error("nothing is asked");
    told.push(waiting.suspend.event);
    const reply =
      waiting.type === "approval"
        ? { decision: "approve", comment: data }
        : waiting.type === "input"
          ? { text: data }
          : data;
    test.journal.answers.set(suspensionKey(waiting), { data: reply });
    outcome = await go();
  }
  for (const event of test.events) {
    if (event.type === "delta") told.push(event.text);
    if (event.type === "message") told.push(event.content);
    if (event.type === "response") told.push(event.response);
  }
  const record = test.records.findLast(({ nodeId }) => nodeId === id);
  const error = outcome instanceof NodeFailed ? outcome.error : undefined;
  return { output: record?.output, port: record?.port, error, told };
}

/** The same with one text in the place of another, wherever it stands. */
function swapped(value: unknown, from: string, to: string): unknown {
  if (typeof value === "string") return value.split(from).join(to);
  if (Array.isArray(value)) return value.map((item) => swapped(item, from, to));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, swapped(member, from, to)]));
}

async function holds({ nodes, output }: Scenario, data: string): Promise<void> {
  const plain = swapped(await run(nodes(PLAIN), PLAIN), PLAIN, data) as Seen;
  const seen = await run(nodes(data), data);
  if (output) {
    expect(seen.output, data).toMatchObject(output(data) as object);
    expect(seen.port, data).toBe(plain.port);
  } else expect(seen, data).toEqual(plain);
}

describe("a text that looks like something to be run", () => {
  for (const [type, scenario] of Object.entries(SCENARIOS)) {
    it(`goes through ${type} as it is`, async () => {
      const fitting = PAYLOADS.filter((payload) => !scenario.except?.test(payload));
      expect(fitting.length).toBeGreaterThan(PAYLOADS.length / 2);
      for (const payload of fitting) await holds(scenario, payload);
    });
  }

  it("comes in and goes out as it is", async () => {
    for (const data of PAYLOADS) {
      const outputs = [
        { name: "given", type: "string" },
        { name: "kept", type: "string", default: data },
      ];
      const inputs = [
        { name: "given", ref: "start.given" },
        { name: "kept", ref: "start.kept" },
      ];
      const config = { mode: "answer", content: "{{given}}|{{kept}}" };
      const canvas = {
        nodes: [
          { id: "start", type: "start", data: { outputs } },
          { id: "end", type: "end", data: { config, inputs } },
        ],
        edges: [{ source: "start", target: "end" }],
      };
      const outcome = await runPlan(planOf(canvas), { given: data }, testRun().io);
      expect(outcome).toMatchObject({ output: { output: `${data}|${data}` } });
    }
  });

  it("comes into an error workflow as it is", async () => {
    const canvas = {
      nodes: [
        { id: "failed", type: "error_trigger", data: {} },
        { id: "end", type: "end", data: { inputs: [{ name: "why", ref: "failed.execution.error.message" }] } },
      ],
      edges: [{ source: "failed", target: "end" }],
    };
    for (const data of PAYLOADS) {
      const told = { execution: { error: { message: data } } };
      expect(await runPlan(planOf(canvas), told, testRun().io)).toMatchObject({ output: { why: data } });
    }
  });

  it("is tried with every node type", () => {
    const known = ["start", "end", "error_trigger", ...Object.keys(SCENARIOS), ...WITHOUT_DATA];
    expect(known.sort()).toEqual([...nodeTypes.keys()].sort());
  });
});

describe("a name of a member that looks like something to be run", () => {
  /** Built from text, so that `__proto__` is a member as it is in a request. */
  const members = JSON.parse(
    `{${[...PAYLOADS, "toString", "hasOwnProperty"].map((name) => `${JSON.stringify(name)}:{"polluted":1}`).join(",")}}`,
  );
  const whole = { name: "items", ref: "start.in" };
  const nodes: Record<string, CanvasNode["data"]> = {
    no_op: { inputs: [whole] },
    transform: { inputs: [whole] },
    set_fields: { config: { base: "items", fields: [] }, inputs: [whole] },
    filter: { config: { conditions: [{ left: "no", operator: "empty" }] }, inputs: [whole] },
    sort: { config: { by: "fields", fields: [{ path: "x" }] }, inputs: [whole] },
    limit: { config: { count: 5 }, inputs: [whole] },
    remove_duplicates: { config: { compare: "all" }, inputs: [whole] },
    aggregate: { config: { mode: "items" }, inputs: [whole] },
    merge: { config: { mode: "append" }, inputs: [whole] },
    variable_aggregator: { config: { groups: [{ name: "g", inputs: ["items"] }] }, inputs: [whole] },
    sub_workflow: { config: { workflowId: "echo" }, inputs: [{ name: "in", ref: "start.in" }] },
    code: { config: { language: "javascript", code: "the double gives its inputs" }, inputs: [whole] },
  };
  it.each(Object.keys(nodes))("goes through %s and touches nothing else", async (type) => {
    const { output } = await run([{ id: "n", type, data: nodes[type] as CanvasNode["data"] }], "", members);
    expect(stableStringify(output)).toContain(stableStringify(members));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });
});
