import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import { cozeVariables } from "@weft/engine/coze/write";
import { type NodeDeps, NodeError } from "@weft/engine/node";
import type { Field } from "@weft/engine/plan";
import { suspensionKey, totalUsage } from "@weft/engine/record";
import { debugNode } from "@weft/engine/run/alone";
import { NodeFailed } from "@weft/engine/run/io";
import { type PlanOutcome, runPlan } from "@weft/engine/run/plan";
import { stableStringify } from "@weft/engine/values/json";
import { expect } from "vitest";
import {
  type Case,
  canvasAt,
  type Exchange,
  type Expected,
  type Interrupt,
  type Played,
  type StreamEvent,
} from "./coze-cases.ts";
import { cozeModels } from "./coze-models.ts";
import { loopbackHttp, planOf, type TestRun, testRun } from "./support.ts";

/** Coze's words for kinds of events, and its codes of errors, in ours. */
const EVENTS: Readonly<Record<string, string>> = { InputNode: "input", Question: "question" };
const ERRORS: Readonly<Record<number, string>> = { 720702002: "missing_required", 777777776: "timeout" };

/** Another form of the same canvases, which has to give the same results. */
export interface Variation {
  canvas(path: string): unknown;
  /** What became of a node's id. */
  id(path: string, id: string): string;
}

const usageOf = ({ input, output }: { input: number; output: number }) => ({
  inputTokens: input,
  outputTokens: output,
});

const AS_IT_IS: Variation = { canvas: canvasAt, id: (_path, id) => id };

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

/** Answers what waits in the order in which it began to wait, as Coze surfaces its events. */
class Resumer {
  readonly #queue: string[] = [];
  readonly #run: TestRun;
  constructor(run: TestRun) {
    this.#run = run;
  }
  update(outcome: { status: string; waiting?: string[] }): string[] {
    const paths = outcome.waiting ?? [];
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

/** Plays cases against the engine, with a server of its own and the real sandbox for code. */
export class Stage {
  readonly #loopback = new Loopback();
  readonly #sandbox = createSandbox(sandboxParts(import.meta.url));

  open(): Promise<void> {
    return this.#loopback.open();
  }
  async close(): Promise<void> {
    await Promise.all([this.#loopback.close(), this.#sandbox.close()]);
  }

  async play(played: Played, variation: Variation = AS_IT_IS): Promise<void> {
    const { item } = played;
    this.#loopback.exchanges = item.setup?.http ?? [];
    this.#loopback.seen.length = 0;
    const variables = item.setup?.variables?.global_variable_app ?? {};
    const deps = this.#deps(played, variation);
    const run = testRun({ deps, variables, strictInputs: item.api !== undefined });
    if (item.kind === "stream" && item.input?.parameters) await playChat(played, run, variation);
    else await new Play(played, run, variation).all();
    await this.#expectHttp(item);
  }

  /** What Coze's test says the code gives; where it says nothing, what the code really gives. */
  #code(item: Case): NonNullable<NodeDeps["code"]> {
    const said = item.setup?.code;
    if (typeof said !== "object" || said === null) return this.#sandbox;
    const spent = { durationMs: 0, cpuMs: 0, peakMemoryBytes: 0 };
    return {
      run: async () => ({ output: Object.values(said)[0], stdout: "", stderr: "", exitCode: 0, files: [], ...spent }),
    };
  }

  #deps({ oracle, item }: Played, variation: Variation): NodeDeps {
    const user = { ...item.setup?.variables?.global_variable_user };
    return {
      http: loopbackHttp(this.#loopback.base),
      variables: {
        get: async (name) => user[name],
        set: async (name, value) => {
          user[name] = value;
        },
      },
      code: this.#code(item),
      models: cozeModels(item.setup?.model ?? [], (id) => variation.id(oracle.canvas, id)),
      workflows: {
        load: async ({ workflowId }) => {
          const path = item.setup?.subworkflows?.[workflowId];
          if (path === undefined) throw new NodeError("not_found", `no workflow ${workflowId}`, { retryable: false });
          return { workflowId, version: null, plan: planOf(variation.canvas(path)) };
        },
      },
    };
  }

  async #expectHttp(item: Case): Promise<void> {
    for (const exchange of item.setup?.http ?? []) {
      const wanted = exchange.expectRequest;
      if (!wanted) continue;
      const { path, method } = exchange;
      const seen = this.#loopback.seen.find((request) => path === request.path && method === request.method);
      if (!seen) throw new Error(`${exchange.path} was not called`);
      expect(seen.query).toEqual(wanted.query);
      for (const [name, value] of Object.entries(wanted.headers)) expect(seen.headers[name.toLowerCase()]).toBe(value);
      expect(seen.headers["idempotency-key"]).toMatch(/^exe_test:[\w-]+$/);
      await expectBody(item, seen, wanted.body as Body);
    }
  }
}

type Body = { json?: unknown; multipart?: { fields: object; files: object } } | null;

async function expectBody(item: Case, seen: Seen, body: Body): Promise<void> {
  if (body === null) expect(seen.body).toHaveLength(0);
  if (body?.json !== undefined) expect(JSON.parse(seen.body.toString())).toEqual(body.json);
  if (!body?.multipart) return;
  const type = String(seen.headers["content-type"]);
  const form = await new Response(new Uint8Array(seen.body), { headers: { "content-type": type } }).formData();
  for (const [name, value] of Object.entries(body.multipart.fields)) expect(form.get(name)).toBe(value);
  const content = item.setup?.http?.find(({ path }) => path === "/file")?.responseBody;
  for (const name of Object.keys(body.multipart.files)) expect(await (form.get(name) as File).text()).toBe(content);
}

type Outcome = PlanOutcome | { status: "blocked"; waiting: string[] };

/** One case: a run of the whole canvas, or of one node of it. */
class Play {
  readonly #item: Case;
  readonly #run: TestRun;
  readonly #resumer: Resumer;
  readonly #id: (id: string) => string;
  readonly #go: () => Promise<Outcome>;

  constructor({ oracle, item }: Played, run: TestRun, variation: Variation) {
    this.#item = item;
    this.#run = run;
    this.#resumer = new Resumer(run);
    this.#id = (id) => variation.id(oracle.canvas, id);
    const canvas = variation.canvas(oracle.canvas);
    const { node } = item;
    this.#go =
      node === undefined ? () => runWhole(canvas, item, run) : () => runAlone(canvas, this.#id(node), item, run);
  }

  async all(): Promise<void> {
    const { expected } = this.#item;
    if (expected.status === "fail") return this.#expectFailure();
    let outcome = await this.#go();
    let keys = this.#resumer.update(outcome);
    for (const interrupt of expected.interrupts ?? []) this.#expectInterrupt(keys, interrupt);
    for (const step of expected.resume ?? []) {
      expect(outcome.status).toBe("blocked");
      this.#resumer.answer(step.data);
      outcome = await this.#go();
      keys = this.#resumer.update(outcome);
      expect(outcome.status).toBe(step.expectedStatus === "success" ? "done" : "blocked");
      if (step.expectedInterrupt) this.#expectInterrupt(keys, step.expectedInterrupt);
      if (step.expectedOutput) expectOutput(outcome, { output: step.expectedOutput });
      if (step.expectedAnswer !== undefined) expectOutput(outcome, { answer: step.expectedAnswer });
      if (step.expectedNodeInput) expect(this.#record(this.#item.node)?.input).toEqual(step.expectedNodeInput);
      this.#expectNodeOutputs(step.nodeOutputs);
    }
    if (!expected.resume) expectOutput(outcome, expected);
    const { tokens = expected.resume?.at(-1)?.tokens } = expected;
    if (tokens) expect(totalUsage(this.#run.records)).toMatchObject(usageOf(tokens));
    this.#expectNodeOutputs(expected.nodeOutputs);
  }

  async #expectFailure(): Promise<void> {
    const thrown = await this.#go().then(
      () => undefined,
      (error) => error,
    );
    expect(thrown).toBeInstanceOf(NodeFailed);
    const { errorCode, errorMessageContains = "" } = this.#item.expected;
    if (errorCode !== undefined) expect((thrown as NodeFailed).error.code).toBe(ERRORS[errorCode]);
    expect((thrown as NodeFailed).error.message).toContain(errorMessageContains);
  }

  #expectInterrupt(keys: readonly string[], expected: Interrupt): void {
    const record = this.#resumer.record();
    if (expected.nodeId !== undefined) expect(record?.nodeId).toBe(this.#id(expected.nodeId));
    if (expected.pendingEvents !== undefined) expect(keys).toHaveLength(expected.pendingEvents);
    if (record?.suspend?.kind !== "signal") throw new Error("nothing is asked");
    const { type } = record.suspend.event;
    const data = record.suspend.event.data as Record<string, unknown>;
    if (expected.eventType !== undefined) expect(type).toBe(EVENTS[expected.eventType]);
    if (expected.question !== undefined) expect(data.question).toBe(expected.question);
    if (expected.options !== undefined) expect(data.options).toEqual(expected.options);
    if (expected.data === undefined) return;
    expect(cozeVariables(data.fields as Field[])).toEqual(JSON.parse(expected.data.content));
  }

  #record(id = "") {
    const own = this.#id(id);
    return this.#run.journal.records.get(own) ?? this.#run.records.find(({ nodeId }) => nodeId === own);
  }

  #expectNodeOutputs(outputs: Record<string, Record<string, unknown>> = {}): void {
    for (const [id, output] of Object.entries(outputs)) expect(this.#record(id)?.output).toMatchObject(output);
  }
}

function runWhole(canvas: unknown, item: Case, run: TestRun): Promise<Outcome> {
  return runPlan(planOf(canvas), item.input ?? {}, run.io);
}

/** A canvas that cannot be run whole may hold nodes that can. */
async function runAlone(canvas: unknown, nodeId: string, item: Case, run: TestRun): Promise<Outcome> {
  const { plan } = compile(readCanvas(canvas));
  const outcome = await debugNode(plan, nodeId, { ...item.input, ...item.batch }, run.io);
  if (outcome.status === "blocked") return outcome;
  const { record } = outcome;
  if (record.status === "failed") throw new NodeFailed(record, record.error ?? { code: "", message: "" });
  return { status: "done", output: record.output as Record<string, unknown>, variables: {} };
}

function expectOutput(outcome: Outcome, expected: Expected): void {
  if (outcome.status !== "done") throw new Error("the run waits");
  if (expected.answer !== undefined) expect(outcome.output).toEqual({ output: expected.answer });
  else if (expected.match === "unordered list") {
    const sorted = (output: unknown) =>
      Object.entries(output as Record<string, unknown[]>).map(([name, list]) => [
        name,
        list.map(stableStringify).sort(),
      ]);
    expect(sorted(outcome.output)).toEqual(sorted(expected.output));
  } else if (expected.match === "partial") expect(outcome.output).toMatchObject(expected.output ?? {});
  else if (expected.output) expect(outcome.output).toEqual(expected.output);
  if (expected.rawOutputText !== undefined) expect(JSON.stringify(outcome.output)).toBe(expected.rawOutputText);
  const after = expected.variablesAfter?.global_variable_app;
  if (after) expect(outcome.variables).toMatchObject(after);
}

/** The message that Coze's chat shows as a card to be filled in, and the one that shows options. */
const FORM_CARD = "7383997384420262000";
const OPTIONS_CARD = "question_card_data";

/**
 * A talk with a chat flow: each message of the person begins or resumes the run, and each answer is what waits or the
 * result. The names of Coze's events are its chat API's; what they tell is checked here.
 */
async function playChat({ oracle, item }: Played, run: TestRun, variation: Variation): Promise<void> {
  const { parameters, additional_messages } = item.input as {
    parameters: Record<string, unknown>;
    additional_messages: { content: string }[];
  };
  const input = { ...parameters, USER_INPUT: additional_messages.at(-1)?.content };
  const plan = planOf(variation.canvas(oracle.canvas));
  const resumer = new Resumer(run);
  const rounds = [{ data: undefined, stream: item.expected.stream ?? [] }, ...(item.expected.resume ?? [])];
  for (const { data, stream = [] } of rounds) {
    if (data !== undefined) resumer.answer(data);
    const outcome = await runPlan(plan, input, run.io);
    resumer.update(outcome);
    const names = stream.map(({ event }) => event);
    expect(outcome.status).toBe(names.includes("conversation.chat.requires_action") ? "blocked" : "done");
    const said = stream.find(({ event }) => event === "conversation.message.completed")?.data ?? {};
    const text = said.content ?? said.contentContains ?? "";
    const { suspend } = resumer.record() ?? {};
    const event = suspend?.kind === "signal" ? suspend.event : undefined;
    if (outcome.status === "done") expectSaid(run, stream, outcome.output.output, text);
    else if (text === FORM_CARD) expect(event).toMatchObject({ type: "input", data: { kind: "form" } });
    else if (text === OPTIONS_CARD) expect(event).toMatchObject({ type: "question", data: { kind: "option" } });
    else expect(event).toMatchObject({ type: "question", data: { question: expect.stringContaining(text) } });
  }
}

/** The answer, and the pieces in which its model said it. Coze's own test asserts of some talks only that they end. */
function expectSaid(run: TestRun, stream: readonly StreamEvent[], said: unknown, text: string): void {
  if (stream.length === 0) return;
  expect(said).toBe(text);
  const pieces = stream.filter(({ event }) => event === "conversation.message.delta").map(({ data }) => data.content);
  const deltas = run.events.flatMap((event) => (event.type === "delta" && event.kind === "text" ? [event.text] : []));
  if (deltas.length > 0) expect(deltas).toEqual(pieces);
}
