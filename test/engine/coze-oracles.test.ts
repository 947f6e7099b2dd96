import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { compile, validate } from "@weft/engine/compile";
import { cozeVariables } from "@weft/engine/coze/write";
import type { NodeDeps } from "@weft/engine/node";
import { NodeError } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import type { Field } from "@weft/engine/plan";
import { suspensionKey } from "@weft/engine/record";
import { NodeFailed } from "@weft/engine/run/io";
import { type PlanOutcome, runPlan } from "@weft/engine/run/plan";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixture, fixtureNames, hasFixtures, loopbackHttp, planOf, type TestRun, testRun } from "./support.ts";

interface Expected {
  status?: string;
  match?: string;
  output?: Record<string, unknown>;
  answer?: string;
  errors?: { type: string; nodeID?: string; path?: { start: string; end: string } }[];
  interrupts?: {
    nodeId?: string;
    eventType?: string;
    pendingEvents?: number;
    data?: { content: string };
    question?: string;
  }[];
  resume?: {
    data: unknown;
    expectedStatus: string;
    expectedOutput?: Record<string, unknown>;
    expectedOutputAlternatives?: Record<string, unknown>[];
    expectedAnswer?: string;
    expectedInterrupt?: { nodeId?: string; question?: string; options?: string[]; pendingEvents?: number };
  }[];
  nodeOutputs?: Record<string, Record<string, unknown>>;
  variablesAfter?: { global_variable_app?: Record<string, unknown> };
  removedNodes?: string[];
}
interface Exchange {
  method: string;
  path: string;
  status: number;
  responseHeaders?: Record<string, string>;
  responseBody: string;
  expectRequest?: { headers: Record<string, string>; query: Record<string, string>; body: unknown };
}
interface Case {
  name: string;
  kind: string;
  input?: Record<string, unknown>;
  setup?: {
    http?: Exchange[];
    variables?: { global_variable_app?: Record<string, unknown>; global_variable_user?: Record<string, unknown> };
    subworkflows?: Record<string, string>;
    [other: string]: unknown;
  };
  expected: Expected;
}
interface Oracle {
  canvas: string;
  cases: Case[];
}

const here = hasFixtures();
const oracles = here ? fixtureNames("coze-oracles").map((name) => fixture(`coze-oracles/${name}`) as Oracle) : [];

function typesOf(nodes: readonly CanvasNode[]): string[] {
  return nodes.flatMap((node) => [node.type, ...typesOf(node.data.body?.nodes ?? [])]);
}

/** Whether every node type of a canvas and of what it calls is installed. */
function isInstalled(canvas: string, setup: Case["setup"]): boolean {
  const paths = [canvas, ...Object.values(setup?.subworkflows ?? {})];
  try {
    return paths.every((path) =>
      typesOf(readCanvas(fixture(`coze-canvases/${path}`)).nodes).every((type) => nodeTypes.has(type)),
    );
  } catch {
    // The fixtures hold some called canvases by name only.
    return false;
  }
}

/** Why a case cannot be run here; undefined where it can. */
function reason(oracle: Oracle, item: Case): string | undefined {
  if (item.kind !== "run" && item.kind !== "resume") return `${item.kind} is not a run of the engine`;
  const { status } = item.expected;
  if (item.name === "openapi_sync_run_refused") return "runs that wait hand over here instead of being refused";
  if (status !== "success" && status !== "interrupted" && status !== "fail") return "cancelling is the driver's";
  if (item.setup && ["model", "app", "database", "knowledge", "code", "plugins"].some((key) => key in item.setup!)) {
    const needed = !isInstalled(oracle.canvas, item.setup) || "model" in item.setup;
    if (needed) return "it needs a model, code, plugin or data";
  }
  return isInstalled(oracle.canvas, item.setup) ? undefined : "a node type is not installed yet";
}

interface Seen {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

class Loopback {
  readonly seen: Seen[] = [];
  exchanges: Exchange[] = [];
  base = "";
  readonly #server: Server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", headers } = request;
    const query = Object.fromEntries(url.searchParams);
    this.seen.push({ method, path: url.pathname, query, headers, body: Buffer.concat(chunks) });
    const found = this.exchanges.find((item) => item.path === url.pathname && item.method === method);
    response.writeHead(found?.status ?? 404, found?.responseHeaders ?? {});
    response.end(found?.responseBody ?? "");
  });

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.base = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const loopback = new Loopback();

const sandbox = createSandbox(sandboxParts(import.meta.url));

/** What Coze's test says the code gives; where it says nothing, what the code really gives. */
function codeOf(item: Case): NonNullable<NodeDeps["code"]> {
  const said = item.setup?.code;
  if (typeof said !== "object" || said === null) return sandbox;
  const spent = { durationMs: 0, cpuMs: 0, peakMemoryBytes: 0 };
  return {
    run: async () => ({ output: Object.values(said)[0], stdout: "", stderr: "", exitCode: 0, files: [], ...spent }),
  };
}

function depsOf(item: Case): NodeDeps {
  const user = { ...item.setup?.variables?.global_variable_user };
  return {
    http: loopbackHttp(loopback.base),
    variables: {
      get: async (name) => user[name],
      set: async (name, value) => {
        user[name] = value;
      },
    },
    code: codeOf(item),
    workflows: {
      load: async ({ workflowId }) => {
        const path = item.setup?.subworkflows?.[workflowId];
        if (path === undefined) throw new NodeError("not_found", `no workflow ${workflowId}`, { retryable: false });
        return { workflowId, version: null, plan: planOf(fixture(`coze-canvases/${path}`)) };
      },
    },
  };
}

/** Answers what waits in the order in which it began to wait, as Coze surfaces its events. */
class Resumer {
  readonly #queue: string[] = [];
  readonly #run: TestRun;
  constructor(run: TestRun) {
    this.#run = run;
  }
  update(outcome: PlanOutcome): string[] {
    const paths = outcome.status === "blocked" ? outcome.waiting : [];
    const keys = paths.map((path) => suspensionKey(this.#run.journal.records.get(path)!));
    for (const key of keys) if (!this.#queue.includes(key)) this.#queue.push(key);
    this.#queue.splice(0, this.#queue.length, ...this.#queue.filter((key) => keys.includes(key)));
    return [...this.#queue];
  }
  record() {
    const path = this.#queue[0]?.split("#")[0] ?? "";
    return this.#run.journal.records.get(path);
  }
  answer(data: unknown): void {
    const key = this.#queue.shift();
    if (key !== undefined) this.#run.journal.answers.set(key, { data });
  }
}

function expectInterrupt(
  resumer: Resumer,
  keys: readonly string[],
  expected: NonNullable<Expected["interrupts"]>[number] & { options?: string[] },
): void {
  const record = resumer.record();
  if (expected.nodeId !== undefined) expect(record?.nodeId).toBe(expected.nodeId);
  if (expected.pendingEvents !== undefined) expect(keys).toHaveLength(expected.pendingEvents);
  const suspend = record?.suspend;
  const data = suspend?.kind === "signal" ? (suspend.event.data as Record<string, unknown>) : {};
  if (expected.question !== undefined) expect(data.question).toBe(expected.question);
  if (expected.options !== undefined) expect(data.options).toEqual(expected.options);
  if (expected.data !== undefined) {
    expect(cozeVariables(data.fields as Field[])).toEqual(JSON.parse(expected.data.content));
  }
}

function expectOutput(outcome: PlanOutcome, expected: Expected): void {
  if (outcome.status !== "done") throw new Error("the run waits");
  if (expected.answer !== undefined) expect(outcome.output).toEqual({ output: expected.answer });
  else if (expected.match === "partial") expect(outcome.output).toMatchObject(expected.output ?? {});
  else if (expected.output) expect(outcome.output).toEqual(expected.output);
  const after = expected.variablesAfter?.global_variable_app;
  if (after) expect(outcome.variables).toMatchObject(after);
}

async function expectHttp(item: Case): Promise<void> {
  for (const exchange of item.setup?.http ?? []) {
    const wanted = exchange.expectRequest;
    if (!wanted) continue;
    const seen = loopback.seen.find(({ path, method }) => path === exchange.path && method === exchange.method);
    if (!seen) throw new Error(`${exchange.path} was not called`);
    expect(seen.query).toEqual(wanted.query);
    for (const [name, value] of Object.entries(wanted.headers)) expect(seen.headers[name.toLowerCase()]).toBe(value);
    expect(seen.headers["idempotency-key"]).toMatch(/^exe_test:\d+$/);
    const body = wanted.body as { json?: unknown; multipart?: { fields: object; files: object } } | null;
    if (body === null) expect(seen.body).toHaveLength(0);
    if (body?.json !== undefined) expect(JSON.parse(seen.body.toString())).toEqual(body.json);
    if (body?.multipart) {
      const type = String(seen.headers["content-type"]);
      const form = await new Response(new Uint8Array(seen.body), { headers: { "content-type": type } }).formData();
      for (const [name, value] of Object.entries(body.multipart.fields)) expect(form.get(name)).toBe(value);
      const content = item.setup?.http?.find(({ path }) => path === "/file")?.responseBody;
      for (const name of Object.keys(body.multipart.files)) expect(await (form.get(name) as File).text()).toBe(content);
    }
  }
}

async function play(oracle: Oracle, item: Case): Promise<void> {
  loopback.exchanges = item.setup?.http ?? [];
  loopback.seen.length = 0;
  const plan = planOf(fixture(`coze-canvases/${oracle.canvas}`));
  const variables = item.setup?.variables?.global_variable_app ?? {};
  const run = testRun({ deps: depsOf(item), variables });
  const { expected } = item;
  const go = () => runPlan(plan, item.input ?? {}, run.io);
  if (expected.status === "fail") {
    await expect(go()).rejects.toBeInstanceOf(NodeFailed);
    return;
  }
  let outcome = await go();
  const resumer = new Resumer(run);
  let keys = resumer.update(outcome);
  for (const interrupt of expected.interrupts ?? []) expectInterrupt(resumer, keys, interrupt);
  for (const step of expected.resume ?? []) {
    expect(outcome.status).toBe("blocked");
    resumer.answer(step.data);
    outcome = await go();
    keys = resumer.update(outcome);
    expect(outcome.status).toBe(step.expectedStatus === "success" ? "done" : "blocked");
    if (step.expectedInterrupt) expectInterrupt(resumer, keys, step.expectedInterrupt);
    if (step.expectedOutput) expectOutput(outcome, { output: step.expectedOutput });
    if (step.expectedAnswer !== undefined) expectOutput(outcome, { answer: step.expectedAnswer });
  }
  if (!expected.resume) expectOutput(outcome, expected);
  for (const [id, output] of Object.entries(expected.nodeOutputs ?? {})) {
    expect(run.journal.records.get(id)?.output ?? run.records.find((r) => r.nodeId === id)?.output).toMatchObject(
      output,
    );
  }
  await expectHttp(item);
}

describe("what Coze's own tests expect of its canvases", () => {
  beforeAll(() => loopback.open());
  afterAll(() => Promise.all([loopback.close(), sandbox.close()]));

  const all = oracles.flatMap((oracle) => oracle.cases.map((item) => ({ oracle, item, why: reason(oracle, item) })));
  const runnable = all.filter(({ why }) => why === undefined);

  for (const { oracle, item } of runnable) {
    it(`runs ${oracle.canvas}: ${item.name}`, () => play(oracle, item));
  }

  it("runs every case whose node types are installed", () => {
    if (!here) return expect(all).toEqual([]);
    const left = all.filter(({ why, item }) => why !== undefined && item.kind !== "validate");
    const counts = new Map<string, number>();
    for (const { why = "" } of left) counts.set(why, (counts.get(why) ?? 0) + 1);
    console.info(`coze oracles: ${runnable.length} cases run; not run: ${JSON.stringify(Object.fromEntries(counts))}`);
    expect(runnable.length).toBeGreaterThanOrEqual(40);
  });
});

describe("what Coze's validator says of its canvases", () => {
  for (const oracle of oracles) {
    for (const item of oracle.cases.filter(({ kind }) => kind === "validate")) {
      it(`${oracle.canvas}: ${item.name}`, () => {
        const canvas = readCanvas(fixture(`coze-canvases/${oracle.canvas}`));
        const errors = validate(canvas).filter(
          ({ code, severity }) => severity === "error" && code !== "unavailable_type",
        );
        const wanted = item.expected.errors ?? [];
        const found = errors.map(({ code, nodeId, edgeId }) =>
          code === "cycle" ? `edge ${edgeId}` : `node ${nodeId}`,
        );
        const edges = new Map(canvas.edges.map((e) => [`${e.target}<${e.source}`, e]));
        const names = wanted.map(({ nodeID, path }) => {
          if (!path) return `node ${nodeID}`;
          const edge = edges.get(`${path.start}<${path.end}`);
          return `edge ${edge?.source}:${edge?.sourceHandle ?? "default"}:${edge?.target}`;
        });
        expect(found.sort()).toEqual(names.sort());
      });
    }
  }

  it("leaves out what nothing leads to", () => {
    if (!here) return expect(oracles).toEqual([]);
    const oracle = oracles.find(({ canvas }) => canvas === "validate/workflow_of_prune_isolate.json");
    const removed = oracle?.cases.find(({ name }) => name === "prune")?.expected.removedNodes ?? [];
    const { plan } = compile(readCanvas(fixture(`coze-canvases/${oracle?.canvas}`)));
    const kept = JSON.stringify(plan.root);
    expect(removed).toHaveLength(2);
    for (const id of removed) expect(kept).not.toContain(`"id":"${id}"`);
  });
});
