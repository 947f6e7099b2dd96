import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echo, type HookWorld, row, startHookWorld } from "../support/webhooks.ts";
import { until } from "../support/world.ts";

let world: HookWorld;
beforeAll(async () => {
  world = await startHookWorld();
}, 180_000);
afterAll(() => world.close());

const call: HookWorld["call"] = (...given) => world.call(...given);
const must: HookWorld["must"] = (...given) => world.must(...given);
const hook: HookWorld["hook"] = (...given) => world.hook(...given);
const start = (...names: string[]) => ({
  id: "start",
  type: "start",
  data: { outputs: names.map((name) => ({ name, type: "any" })) },
});
const end = (inputs: Record<string, string> = {}) => ({
  id: "end",
  type: "end",
  data: { inputs: Object.entries(inputs).map(([name, ref]) => ({ name, ref })) },
});
const respond = (config: object, ...refs: string[]) => ({
  id: "respond",
  type: "respond_to_webhook",
  data: { config, inputs: refs.map((ref) => ({ name: ref.split(".")[1], ref })) },
});
const failing = { id: "stop", type: "stop_with_error", data: { config: { message: "canary of the inside" } } };
/** Goes through these nodes, then fails. */
const broken = (...nodes: Parameters<typeof row>) => {
  const { nodes: all, edges } = row(...nodes, failing);
  return { nodes: [...all, end()], edges: [...edges, { source: all.at(-2)?.id, target: "end" }] };
};
const ask = { id: "ask", type: "question", data: { config: { question: "Well?" } } };
const pause = { id: "pause", type: "wait", data: { config: { mode: "duration", ms: 1_000 } } };
const message = (id: string, content: string) => ({ id, type: "output_message", data: { config: { content } } });
const modes = (mode: string, over: object = {}) => ({ response: { mode, ...over } });
const deliveries = async (id: string) => (await must(200, "GET", `/webhooks/${id}/deliveries`)).items;

describe("an answer at once", () => {
  it("is what the settings say, with their status, headers and body", async () => {
    const workflowId = await world.publish(row(start(), end()));
    const headers = [
      { name: "X-Own", value: "1" },
      { name: "Strict-Transport-Security", value: "max-age=9" },
      { name: "Content-Type", value: "text/xml" },
      { name: "X-Content-Type-Options", value: "sniff" },
      { name: "Set-Cookie", value: "a=b; Domain=example.com; Path=/; HttpOnly" },
    ];
    const said = { status: 201, headers, contentType: "text/html", body: "<b>thanks</b>" };
    const { path } = await hook(workflowId, modes("immediate", said));
    const answer = await call("POST", path, {});
    expect([answer.status, answer.text, answer.headers.get("x-own")]).toEqual([201, "<b>thanks</b>", "1"]);
    expect(answer.headers.get("strict-transport-security")).toBeNull();
    expect([answer.headers.get("content-type"), answer.headers.get("x-content-type-options")]).toEqual([
      "text/html",
      "nosniff",
    ]);
    expect(answer.headers.get("set-cookie")).toBe(`a=b; HttpOnly; Path=${path}`);
    expect(answer.headers.get("content-security-policy")).toMatch(/^sandbox(?!.*allow-same-origin)/);
    const empty = await hook(workflowId, modes("immediate", { status: 204, noBody: true }));
    const nothing = await call("POST", empty.path, {});
    expect([nothing.status, nothing.bytes.length]).toEqual([204, 0]);
  });
});

describe("an answer by the last node", () => {
  it("is the output, or its only text in its own type", async () => {
    const workflowId = await world.publish(row(start("text"), end({ text: "start.text" })));
    const { path } = await hook(workflowId, modes("last_node", { contentType: "text/csv", status: 203 }));
    const answer = await call("POST", path, { text: "a;b" });
    expect([answer.status, answer.text, answer.headers.get("content-type")]).toEqual([203, "a;b", "text/csv"]);
  });

  it("of a run that failed is 500 with its id and nothing of its inside", async () => {
    const { path } = await hook(await world.publish(broken(start())), modes("last_node"));
    const answer = await call("POST", path, {});
    expect([answer.status, answer.json.error.code]).toEqual([500, "internal"]);
    const { executionId } = answer.json.error.details;
    expect(await must(200, "GET", `/executions/${executionId}`)).toMatchObject({ status: "failed" });
    expect(answer.text).not.toContain("canary");
  });

  it("waits for a run that goes on elsewhere for a moment, and says where to ask for one that takes longer", async () => {
    const short = await hook(await world.publish(row(start("a"), pause, end({ a: "start.a" }))), modes("last_node"));
    expect((await call("POST", short.path, { a: 1 })).json).toEqual({ a: 1 });
    const long = await hook(
      await world.publish(row(start(), ask, end({ b: "ask.USER_RESPONSE" }))),
      modes("last_node", { timeoutSeconds: 1 }),
    );
    const answer = await call("POST", long.path, {});
    expect([answer.status, answer.headers.get("location")]).toEqual([202, answer.json.statusUrl]);
    const { executionId } = answer.json;
    const view = await until(
      () => must(200, "GET", `/executions/${executionId}`),
      ({ waitingFor }) => waitingFor.length === 1,
    );
    expect((await call("GET", answer.json.statusUrl)).json).toMatchObject({ isDone: false, output: null });
    await must(202, "POST", `/executions/${executionId}/resume`, { eventId: view.waitingFor[0].id, data: "yes" });
    const done = await until(
      () => call("GET", answer.json.statusUrl),
      ({ json }) => json.isDone,
    );
    expect(done.json).toMatchObject({ status: "succeeded", output: { b: "yes" } });
  });

  it("tells of a start node's field what is wrong with it", async () => {
    const outputs = [{ name: "n", type: "integer", required: true }];
    const workflowId = await world.publish(
      row({ id: "start", type: "start", data: { outputs } }, end({ n: "start.n" })),
    );
    const { path, id } = await hook(workflowId, modes("last_node"));
    const answer = await call("POST", path, {});
    expect([answer.status, answer.json.error.details.issues[0].path]).toEqual([400, "input.n"]);
    expect((await deliveries(id))[0]).toMatchObject({ outcome: "failed", executionId: null });
    await must(204, "DELETE", `/workflows/${workflowId}`);
    const gone = await until(
      () => call("POST", path, { n: 1 }),
      ({ status }) => status !== 200,
    );
    expect([gone.status, gone.json.error.code]).toEqual([404, "not_found"]);
    const shown = await until(
      () => must(200, "GET", `/webhooks/${id}`),
      ({ lastError }) => lastError?.code === "not_found",
    );
    expect(shown.workflowId).toBe(workflowId);
  });
});

describe("an answer by a node", () => {
  it("has its status, headers and body, and comes before the run is over", async () => {
    const headers = [
      { name: "X-Who", value: "{{who}}" },
      { name: "Access-Control-Allow-Origin", value: "*" },
    ];
    const body = { type: "json", input: "who" };
    const canvas = row(start("who"), respond({ status: 418, headers, body }, "start.who"), ask, end());
    const { path } = await hook(await world.publish(canvas), modes("respond_node"));
    const answer = await call("POST", path, { who: "ada" });
    expect([answer.status, answer.json, answer.headers.get("x-who")]).toEqual([418, "ada", "ada"]);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("may be a page, bytes, a file, a redirect, or nothing", async () => {
    const by = async (body: object, status = 200) => {
      const canvas = row(start("x"), respond({ status, body }, "start.x"), end());
      return (await hook(await world.publish(canvas), modes("respond_node"))).path;
    };
    const page = await call("POST", await by({ type: "text", template: "<i>{{x}}</i>", contentType: "text/html" }), {
      x: "1",
    });
    expect([page.text, page.headers.get("content-security-policy")]).toEqual([
      "<i>1</i>",
      expect.stringContaining("sandbox"),
    ]);
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    const picture = await call("POST", await by({ type: "binary", input: "x", contentType: "image/png" }), {
      x: bytes.toString("base64"),
    });
    expect([picture.bytes.equals(bytes), picture.headers.get("content-type")]).toEqual([true, "image/png"]);
    const away = await call("POST", await by({ type: "redirect", url: "https://example.com/{{x}}" }, 303), { x: "y" });
    expect([away.status, away.headers.get("location")]).toEqual([303, "https://example.com/y"]);
    const form = new FormData();
    form.append("x", new File(["%PDF-1.4 mine"], "mine.pdf", { type: "application/pdf" }));
    const file = await call("POST", await by({ type: "file", input: "x" }), form);
    expect([file.status, file.text, file.headers.get("content-type")]).toEqual([
      200,
      "%PDF-1.4 mine",
      "application/pdf",
    ]);
    const none = await call("POST", await by({ type: "none" }, 204), {});
    expect([none.status, none.bytes.length]).toEqual([204, 0]);
  });

  it("that never comes is 500", async () => {
    const canvas = broken(start("x"), respond({ status: 200, body: { type: "json", input: "x" } }, "start.x"));
    const { path } = await hook(await world.publish(canvas), modes("respond_node"));
    // Answered before it failed: the caller has its answer.
    expect((await call("POST", path, { x: 1 }, { "idempotency-key": "k" })).json).toBe(1);
    const silent = await hook(await world.publish(row(start(), respond({}), end())), modes("respond_node"));
    const inDraft = row(start(), end());
    const { workflowId } = silent;
    const { revision } = await must(200, "GET", `/workflows/${workflowId}/draft`);
    await must(200, "PUT", `/workflows/${workflowId}/draft`, { expectedRevision: revision, canvas: inDraft });
    await must(201, "POST", `/workflows/${workflowId}/publish`, { force: true });
    const answer = await until(
      () => call("POST", silent.path, {}),
      ({ status }) => status !== 200,
    );
    expect([answer.status, answer.json.error.message]).toEqual([500, "the run ended without an answer"]);
  });
});

describe("a streamed answer", () => {
  it("brings messages as they come, then how it ended", async () => {
    const canvas = row(start("a"), message("m1", "one"), message("m2", "two"), end({ a: "start.a" }));
    const workflowId = await world.publish(canvas);
    const { path } = await hook(workflowId, modes("stream"));
    const { text, headers } = await call("POST", path, { a: 1 });
    expect(headers.get("content-type")).toContain("text/event-stream");
    const events = text.split("\n\n").filter((event) => event.startsWith("event:"));
    const names = events.map((event) => /event: (\w+)/.exec(event)?.[1]);
    expect(names).toEqual(["message", "message", "done"]);
    expect(JSON.parse(/data: (.*)/.exec(events[2] ?? "")?.[1] ?? "")).toMatchObject({
      status: "succeeded",
      output: { a: 1 },
    });
    const plain = await hook(workflowId, modes("stream", { contentType: "text/plain; charset=utf-8" }));
    expect((await call("POST", plain.path, {})).text).toBe("onetwo");
    const bad = await hook(await world.publish(broken(start())), modes("stream"));
    const failed = await call("POST", bad.path, {});
    expect(failed.text).toContain("event: error");
    expect(failed.text).not.toContain("canary");
  });
});

describe("the draft", () => {
  it("is run once by a call that is awaited, which shows what arrived", async () => {
    const { id: workflowId } = await must(201, "POST", "/workflows", { name: "draft only", canvas: echo });
    const made = await hook(workflowId, {
      ...modes("last_node"),
      routes: [{ methods: ["POST"], path: "/a/{b}" }],
      auth: { type: "bearer", secret: "canary-of-a-test" },
    });
    const proof = { authorization: "Bearer canary-of-a-test" };
    const live = await call("POST", `${made.path}/a/1`, {}, proof);
    expect([live.status, live.json.error.code]).toEqual([422, "unprocessable"]);
    const test = () => call("POST", `${made.testPath}/a/1`, { hello: "there" }, proof);
    expect((await test()).status).toBe(404);
    const listening = await must(200, "POST", `/webhooks/${made.id}/listen`);
    expect(listening).toMatchObject({ status: "listening", path: made.testPath, arrived: null });
    expect((await call("POST", `${made.testPath}/a/1`, {})).status).toBe(401);
    const answer = await test();
    expect(answer.json).toMatchObject({ params: { b: "1" }, body: { hello: "there" } });
    expect((await test()).status).toBe(404);
    const seen = await must(200, "GET", `/webhooks/${made.id}/listen`);
    expect(seen).toMatchObject({
      status: "arrived",
      arrived: { method: "POST", path: "/a/1", body: { hello: "there" } },
      executionId: expect.stringMatching(/^exe_/),
    });
    expect(await must(200, "GET", `/executions/${seen.executionId}`)).toMatchObject({
      version: null,
      status: "succeeded",
    });
    const noted = await deliveries(made.id);
    expect(noted.map(({ outcome, isTest }: { outcome: string; isTest: boolean }) => [outcome, isTest])).toEqual([
      ["started", true],
      ["refused", false],
      ["failed", false],
    ]);
    expect(JSON.stringify([noted, seen])).not.toContain("canary");
  });
});
