import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OutsideServer, startOutside } from "../support/calls.ts";
import { call, canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { type Resident, type StackWorld, startWorld, until } from "../support/world.ts";

let world: StackWorld;
let person: Resident;
let outside: OutsideServer;

beforeAll(async () => {
  [world, outside] = await Promise.all([startWorld(), startOutside()]);
  person = await world.signUp();
}, 120_000);
afterAll(() => Promise.all([world.close(), outside.close()]));

async function api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const given = { token: person.token, headers, ...(body === undefined ? {} : { body }) };
  return world.call(method, `/api/spaces/${person.spaceId}${path}`, given);
}

async function make(drawn: unknown, publish = false): Promise<string> {
  const made = await api("POST", "/workflows", { name: "w", canvas: drawn });
  expect(made.status, JSON.stringify(made.json)).toBe(201);
  if (publish) await api("POST", `/workflows/${made.json.id}/publish`, { force: true });
  return made.json.id;
}

async function over(executionId: string) {
  const read = async () => (await api("GET", `/executions/${executionId}`)).json;
  return until(read, ({ status }) => ["succeeded", "failed", "cancelled", "timed_out"].includes(status));
}

const stepsOf = (executionId: string) =>
  outside.calls
    .filter(({ key }) => key.startsWith(`${executionId}:`))
    .map(({ key }) => key.slice(executionId.length + 1))
    .sort();

const ask = (id: string, refs: string[], step = id) => call(outside.url, id, refs, { step });
const line = (step = "b", answer = "b.body") =>
  canvas([start(text("n")), ask("a", ["start.n"]), ask("b", ["a.body"], step), end({ out: answer })], "start>a>b>end");

describe("one node alone", () => {
  it("runs, is an execution of its own kind, and proves nothing of the draft", async () => {
    const workflow = await make(line());
    const ran = await api("POST", `/workflows/${workflow}/nodes/b/run`, { input: { v0: "x" } });
    expect([ran.status, ran.json]).toMatchObject([
      200,
      {
        status: "succeeded",
        output: { body: "b(x)" },
        nodeId: "b",
        version: null,
        trigger: { type: "debug", id: "b" },
        node: { path: "b", input: { v0: "x" }, output: { body: "b(x)" }, attempts: 1, error: null },
      },
    ]);
    const list = async (kind: string) =>
      (await api("GET", `/executions?workflowId=${workflow}${kind}`)).json.items.map(({ id }: { id: string }) => id);
    expect([await list(""), await list("&kind=node"), await list("&kind=all")]).toEqual([
      [],
      [ran.json.id],
      [ran.json.id],
    ]);
    expect((await api("POST", `/workflows/${workflow}/publish`, {})).json.error.code).toBe("unprocessable");
    expect((await api("GET", `/workflows/${workflow}/draft`)).json.isTested).toBe(false);
  });

  it("is of a version where one is named, and waits for people", async () => {
    const who = node("who", "question", { question: "Who, {{n}}?" }, [ref("n", "start.n")]);
    const workflow = await make(
      canvas([start(text("n")), who, end({ out: "who.USER_RESPONSE" })], "start>who>end"),
      true,
    );
    const ran = await api("POST", `/workflows/${workflow}/nodes/who/run`, { input: { n: "me" }, version: "v1.0.0" });
    expect(ran.status, JSON.stringify(ran.json)).toBe(202);
    const read = async () => (await api("GET", `/executions/${ran.json.id}`)).json;
    const { waitingFor, version } = await until(read, (view) => view.waitingFor.length > 0);
    expect([version, waitingFor[0].data.question]).toEqual(["v1.0.0", "Who, me?"]);
    await api("POST", `/executions/${ran.json.id}/resume`, { eventId: waitingFor[0].id, data: "you" });
    expect(await over(ran.json.id)).toMatchObject({ status: "succeeded", output: { USER_RESPONSE: "you" } });
  });

  it("answers what is wrong with the request", async () => {
    const workflow = await make(line());
    const asked = async (nodeId: string, body: object) => {
      const { status, json } = await api("POST", `/workflows/${workflow}/nodes/${nodeId}/run`, body);
      return [status, json.error?.code, json.error?.details?.issues?.[0]?.path];
    };
    expect(await asked("nobody", {})).toEqual([404, "not_found", undefined]);
    expect(await asked("a%2Fb", {})).toEqual([400, "invalid_input", "nodeId"]);
    expect(await asked("b", { input: { w: 1 } })).toEqual([400, "invalid_input", "input.w"]);
    expect(await asked("b", { inputs: {} })).toEqual([400, "invalid_input", "inputs"]);
    expect(await asked("b", { version: "v9.9.9" })).toEqual([404, "not_found", undefined]);
    expect(await asked("b", { pins: { z: { output: {} } } })).toEqual([400, "invalid_input", "pins.z"]);
  });

  it("streams what happens, and `done` with the execution", async () => {
    const workflow = await make(line());
    const path = `/api/spaces/${person.spaceId}/workflows/${workflow}/nodes/a/run`;
    const response = await fetch(`${world.stack.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
      body: JSON.stringify({ input: { v0: "s" }, mode: "stream" }),
    });
    const events = (await response.text()).split("\n\n").map((frame) => frame.split("\n")[0]);
    expect(events).toEqual(expect.arrayContaining(["event: node_started", "event: node_finished", "event: done"]));
  });
});

describe("pinned outputs", () => {
  it("are kept beside the draft, used by its runs and by no version's", async () => {
    const workflow = await make(line(), true);
    const pins = `/workflows/${workflow}/draft/pins`;
    const before = (await api("GET", `/workflows/${workflow}/draft`)).json;
    const output = { body: "pinned", statusCode: 200 };
    expect((await api("PUT", `${pins}/a`, { output })).json).toMatchObject({ nodeId: "a", output });
    expect((await api("GET", pins)).json.items).toMatchObject([{ nodeId: "a", output }]);
    const after = (await api("GET", `/workflows/${workflow}/draft`)).json;
    expect([after.commitId, after.revision]).toEqual([before.commitId, before.revision]);
    const run = async (body: object) =>
      (await api("POST", `/workflows/${workflow}/run`, { input: { n: "1" }, mode: "sync", ...body })).json;
    const draft = await run({ version: "draft" });
    expect(draft).toMatchObject({ output: { out: "b(pinned)" }, isDebug: true });
    expect(stepsOf(draft.id)).toEqual(["b"]);
    expect((await api("GET", `/workflows/${workflow}/draft`)).json.isTested).toBe(false);
    expect(await run({})).toMatchObject({ output: { out: "b(a(1))" }, isDebug: false });
    const full = await run({ version: "draft", usePins: false });
    expect(full).toMatchObject({ output: { out: "b(a(1))" }, isDebug: false });
    expect((await api("GET", `/workflows/${workflow}/draft`)).json.isTested).toBe(true);
    const given = await run({ version: "draft", pins: { a: { output: { body: "mine" } } } });
    expect(given).toMatchObject({ output: { out: "b(mine)" } });
    expect(await run({ pins: { a: { output: {} } } })).toMatchObject({
      error: { code: "invalid_input", details: { issues: [{ path: "pins" }] } },
    });
    expect((await api("DELETE", `${pins}/a`)).status).toBe(204);
    expect((await api("DELETE", `${pins}/a`)).status).toBe(404);
    expect((await api("GET", pins)).json.items).toEqual([]);
  });

  it("may be large, and have their bounds", async () => {
    const workflow = await make(line());
    const path = `/workflows/${workflow}/draft/pins`;
    const body = "x".repeat(500_000);
    expect((await api("PUT", `${path}/a`, { output: { body } })).status).toBe(200);
    const run = await api("POST", `/workflows/${workflow}/run`, { input: { n: "1" }, version: "draft" });
    expect((await over(run.json.id)).output.out).toBe(`b(${body})`);
    expect((await api("PUT", `${path}/a`, { output: { body: "x".repeat(1_100_000) } })).json.error.code).toBe(
      "too_large",
    );
    expect((await api("PUT", `${path}/zz`, { output: {} })).json.error.details.issues[0].path).toBe("zz");
    expect((await api("PUT", `${path}/a`, { output: {}, port: "odd" })).json.error.details.issues[0].path).toBe(
      "a.port",
    );
    expect((await api("PUT", `${path}/a`, { output: [] })).status).toBe(400);
  });
});

describe("a run up to a node", () => {
  it("ends there, and refuses a node that is none", async () => {
    const workflow = await make(line(), true);
    const run = (body: object) =>
      api("POST", `/workflows/${workflow}/run`, { input: { n: "1" }, mode: "sync", ...body });
    const { json } = await run({ until: "a" });
    expect(json).toMatchObject({ status: "succeeded", version: "v1.0.0", output: { body: "a(1)" }, untilNodeId: "a" });
    expect(stepsOf(json.id)).toEqual(["a"]);
    expect((await run({ until: "zz" })).json.error.details.issues[0].path).toBe("until");
  });
});

describe("replay", () => {
  it("runs on the version of then, the latest, a named one or the draft", async () => {
    const workflow = await make(line(), true);
    const run = await api("POST", `/workflows/${workflow}/run`, { input: { n: "1" }, mode: "sync" });
    const { revision } = (await api("GET", `/workflows/${workflow}/draft`)).json;
    const put = await api("PUT", `/workflows/${workflow}/draft`, { expectedRevision: revision, canvas: line("b2") });
    await api("POST", `/workflows/${workflow}/publish`, { force: true });
    await api("PUT", `/workflows/${workflow}/draft`, { expectedRevision: put.json.revision, canvas: line("b3") });
    const replay = async (body: object) => {
      const { json } = await api("POST", `/executions/${run.json.id}/replay`, { mode: "sync", ...body });
      expect(json.replayOf, JSON.stringify(json)).toEqual({ executionId: run.json.id, fromNode: null });
      return [json.version, json.output.out];
    };
    expect(await replay({})).toEqual(["v1.0.0", "b(a(1))"]);
    expect(await replay({ version: "latest", input: { n: "2" } })).toEqual(["v1.0.1", "b2(a(2))"]);
    expect(await replay({ version: "v1.0.0" })).toEqual(["v1.0.0", "b(a(1))"]);
    expect(await replay({ version: "draft" })).toEqual([null, "b3(a(1))"]);
    const draft = await api("POST", `/workflows/${workflow}/run`, {
      input: { n: "7" },
      version: "draft",
      mode: "sync",
    });
    const last = (await api("GET", `/workflows/${workflow}/draft`)).json;
    await api("PUT", `/workflows/${workflow}/draft`, { expectedRevision: last.revision, canvas: line("b4") });
    const again = await api("POST", `/executions/${draft.json.id}/replay`, { mode: "sync" });
    expect(again.json).toMatchObject({ commitId: draft.json.commitId, output: { out: "b3(a(7))" } });
    const key = { "idempotency-key": "once" };
    const twice = await Promise.all(
      [1, 2].map(() => api("POST", `/executions/${run.json.id}/replay`, { mode: "sync" }, key)),
    );
    expect(new Set(twice.map(({ json }) => json.id).filter(Boolean)).size).toBe(1);
    await api("PATCH", `/workflows/${workflow}`, {
      expectedRevision: (await api("GET", `/workflows/${workflow}`)).json.revision,
      status: "paused",
    });
    await until(
      () => api("POST", `/executions/${run.json.id}/replay`, { mode: "sync" }),
      ({ status }) => status === 422,
    );
  });
});

describe("retry of a run whose workflow was published anew", () => {
  it("stays on its version and does again nothing that was done", async () => {
    let isBroken = true;
    outside.answer("frail", ({ body }) =>
      isBroken ? { status: 400, text: "broken" } : { status: 200, text: `frail(${body})` },
    );
    const called = await make(
      canvas(
        [start(text("n")), ask("x", ["start.n"]), ask("y", ["x.body"], "frail"), end({ out: "y.body" })],
        "start>x>y>end",
      ),
      true,
    );
    const sub = node("sub", "sub_workflow", { workflowId: called }, [ref("n", "a.body")], { outputs: [text("out")] });
    const nodes = [
      start(text("n")),
      ask("a", ["start.n"]),
      sub,
      ask("aside", ["start.n"]),
      end({ out: "sub.out", aside: "aside.body" }),
    ];
    const workflow = await make(canvas(nodes, "start>a>sub>end start>aside>end"), true);
    const run = (await api("POST", `/workflows/${workflow}/run`, { input: { n: "1" } })).json;
    expect(await over(run.id)).toMatchObject({ status: "failed", error: { code: "http_error" } });
    for (const [id, drawn] of [
      [called, line("other")],
      [workflow, line("newer")],
    ] as const) {
      const { revision } = (await api("GET", `/workflows/${id}/draft`)).json;
      await api("PUT", `/workflows/${id}/draft`, { expectedRevision: revision, canvas: drawn });
      expect((await api("POST", `/workflows/${id}/publish`, { force: true })).status).toBe(201);
    }
    isBroken = false;
    const retried = await api("POST", `/executions/${run.id}/retry`);
    expect([retried.status, retried.json]).toMatchObject([202, { id: run.id, version: "v1.0.0" }]);
    const view = await until(
      async () => (await api("GET", `/executions/${run.id}`)).json,
      ({ status }) => status === "succeeded",
    );
    expect(view).toMatchObject({ version: "v1.0.0", output: { out: "frail(x(a(1)))", aside: "aside(1)" } });
    const children = (await api("GET", `/executions/${run.id}/children`)).json.items;
    expect(children).toMatchObject([{ status: "succeeded", version: "v1.0.0", parentExecutionId: run.id }]);
    expect([stepsOf(run.id), stepsOf(children[0].id)]).toEqual([
      ["a", "aside"],
      ["x", "y", "y"],
    ]);
    const trace = (await api("GET", `/executions/${run.id}/nodes?depth=root`)).json.items;
    expect(trace.find(({ path }: { path: string }) => path === "sub").childExecutionId).toBe(children[0].id);
    const from = await api("POST", `/executions/${run.id}/retry`, { fromNode: "aside" });
    expect([from.status, from.json.replayOf]).toEqual([202, { executionId: run.id, fromNode: "aside" }]);
    expect(await over(from.json.id)).toMatchObject({ status: "succeeded", version: "v1.0.0", output: view.output });
    expect(stepsOf(from.json.id)).toEqual(["aside"]);
    expect((await api("POST", `/executions/${run.id}/retry`)).json.error.code).toBe("conflict");
    expect(
      (await api("POST", `/executions/${run.id}/retry`, { fromNode: "sub/x" })).json.error.details.issues[0].path,
    ).toBe("fromNode");
  });
});

describe("a run that nobody waits for", () => {
  it("is a child of the run that started it", async () => {
    const called = await make(line(), true);
    const sub = node("sub", "sub_workflow", { workflowId: called, wait: false }, [ref("n", "start.n")]);
    const workflow = await make(canvas([start(text("n")), sub, end({ id: "sub.executionId" })], "start>sub>end"), true);
    const run = (await api("POST", `/workflows/${workflow}/run`, { input: { n: "1" }, mode: "sync" })).json;
    const { items } = (await api("GET", `/executions/${run.id}/children`)).json;
    expect(items).toMatchObject([
      { id: run.output.id, parentExecutionId: run.id, trigger: { type: "workflow", id: run.id } },
    ]);
    await over(run.output.id);
    expect((await api("GET", `/executions/${run.output.id}/children`)).json.items).toEqual([]);
  });
});
