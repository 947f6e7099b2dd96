import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Resident, type StackWorld, startWorld, until } from "../support/world.ts";

let world: StackWorld;
let person: Resident;

beforeAll(async () => {
  world = await startWorld();
  person = await world.signUp();
}, 120_000);
afterAll(() => world.close());

async function call(method: string, path: string, body?: unknown) {
  const answer = await world.call(method, path, { token: person.token, ...(body === undefined ? {} : { body }) });
  expect(answer.status, JSON.stringify(answer.json)).toBeLessThan(300);
  return answer.json;
}

/** Asks, and says who asked. */
const asking = (name: string) => ({
  nodes: [
    { id: "start", type: "start", data: {} },
    { id: "ask", type: "question", data: { config: { question: "Well?" } } },
    {
      id: "end",
      type: "end",
      data: {
        config: { mode: "answer", content: `${name}: {{answer}}` },
        inputs: [{ name: "answer", ref: "ask.USER_RESPONSE" }],
      },
    },
  ],
  edges: [
    { source: "start", target: "ask" },
    { source: "ask", target: "end" },
  ],
});

describe("versions", () => {
  it("are what a run stays on, whatever is published while it waits", async () => {
    const space = `/api/spaces/${person.spaceId}`;
    const { id } = await call("POST", `${space}/workflows`, { name: "w", canvas: asking("one") });
    const path = `${space}/workflows/${id}`;
    const run = (version?: string) => call("POST", `${path}/run`, version === undefined ? {} : { version });
    await call("POST", `${path}/publish`, { force: true });
    const first = await run();
    await call("PUT", `${path}/draft`, { expectedRevision: 1, canvas: asking("two") });
    await call("POST", `${path}/publish`, { force: true });
    await call("PUT", `${path}/draft`, { expectedRevision: 2, canvas: asking("draft") });
    const others = [await run("latest"), await run("v1.0.0"), await run("draft")];
    await call("PUT", `${path}/draft`, { expectedRevision: 3, canvas: asking("later") });
    const outputs: unknown[] = [];
    for (const execution of [first, ...others]) {
      const view = () => call("GET", `${space}/executions/${execution.id}`);
      const waiting = await until(view, ({ waitingFor }) => waitingFor.length === 1);
      const answer = { eventId: waiting.waitingFor[0].id, data: "yes" };
      await call("POST", `${space}/executions/${execution.id}/resume`, answer);
      const done = await until(view, ({ endedAt }) => endedAt !== null);
      outputs.push([done.version, done.output]);
    }
    expect(outputs).toEqual([
      ["v1.0.0", { output: "one: yes" }],
      ["v1.0.1", { output: "two: yes" }],
      ["v1.0.0", { output: "one: yes" }],
      [null, { output: "draft: yes" }],
    ]);
    const kept = await call("GET", `${path}/commits/${others[2].commitId}`);
    expect(kept.canvas.nodes[2].data.config.content).toBe("draft: {{answer}}");
    expect(await call("GET", `${path}/diff?from=v1.0.0&to=v1.0.1`)).toMatchObject({
      nodes: { changed: [{ id: "end", changes: [{ pointer: "/data/config/content" }] }] },
      breaking: [],
    });
  });
});

describe("copies", () => {
  it("run in their new space, however large they are, when the old one is gone", async () => {
    const [there, here] = [
      await call("POST", "/api/spaces", { name: "A" }),
      await call("POST", "/api/spaces", { name: "B" }),
    ];
    const [from, to] = [`/api/spaces/${there.id}/workflows`, `/api/spaces/${here.id}/workflows`];
    const text = "long ".repeat(30_000);
    const large = {
      nodes: [
        { id: "start", type: "start", data: {} },
        { id: "note", type: "comment", data: { config: { text } } },
        { id: "end", type: "end", data: { config: { mode: "answer", content: "from below" } } },
      ],
      edges: [{ source: "start", target: "end" }],
    };
    const called = (await call("POST", from, { name: "Called", canvas: large })).id;
    await call("POST", `${from}/${called}/publish`, { force: true });
    const calling = {
      nodes: [
        { id: "start", type: "start", data: {} },
        { id: "call", type: "sub_workflow", data: { config: { workflowId: called } } },
        {
          id: "end",
          type: "end",
          data: {
            config: { mode: "answer", content: "{{said}}" },
            inputs: [{ name: "said", ref: "call.output" }],
          },
        },
      ],
      edges: [
        { source: "start", target: "call" },
        { source: "call", target: "end" },
      ],
    };
    const caller = (await call("POST", from, { name: "Caller", canvas: calling })).id;
    await call("POST", `${from}/${caller}/publish`, { force: true });
    const objects = [called, caller].map((id) => ({ kind: "workflow", id }));
    const started = await call("POST", `/api/spaces/${here.id}/copies`, {
      mode: "move",
      sourceSpaceId: there.id,
      objects,
    });
    const read = () => call("GET", `/api/spaces/${here.id}/copies/${started.id}`);
    const task = await until(read, ({ endedAt }) => endedAt !== null);
    expect(task).toMatchObject({ status: "succeeded", progress: { total: 4, completed: 4 } });
    const { targetId } = task.objects.find(({ sourceId }: { sourceId: string }) => sourceId === caller);
    expect((await call("GET", from)).items).toEqual([]);
    const ran = await call("POST", `${to}/${targetId}/run`, { mode: "sync" });
    expect(ran).toMatchObject({ status: "succeeded", version: "v1.0.0", output: { output: "from below" } });
    const below = task.objects.find(({ sourceId }: { sourceId: string }) => sourceId === called).targetId;
    expect((await call("GET", `${to}/${below}/draft`)).canvas.nodes[1].data.config.text).toBe(text);
  });
});
