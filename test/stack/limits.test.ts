import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Resident, type StackWorld, startWorld, until } from "../support/world.ts";

let world: StackWorld;
let person: Resident;
let space: string;

beforeAll(async () => {
  world = await startWorld();
  person = await world.signUp();
  space = `/api/spaces/${person.spaceId}`;
}, 120_000);
afterAll(() => world.close());

const call = (method: string, path: string, body?: unknown) =>
  world.call(method, path, { token: person.token, ...(body === undefined ? {} : { body }) });

/** A workflow that asks a question, so that it is under way until somebody answers. */
async function asking(settings: object): Promise<string> {
  const canvas = {
    nodes: [
      { id: "start", type: "start", data: {} },
      { id: "ask", type: "question", data: { config: { question: "Well?" } } },
      { id: "end", type: "end", data: { inputs: [{ name: "answer", ref: "ask.USER_RESPONSE" }] } },
    ],
    edges: [
      { source: "start", target: "ask" },
      { source: "ask", target: "end" },
    ],
  };
  return published(canvas, settings);
}

async function published(canvas: object, settings: object): Promise<string> {
  const { id } = (await call("POST", `${space}/workflows`, { name: "w", canvas, settings })).json;
  expect((await call("POST", `${space}/workflows/${id}/publish`, { force: true })).status).toBe(201);
  return id;
}

const run = (id: string, body: object = {}) => call("POST", `${space}/workflows/${id}/run`, body);
const read = async (id: string) => (await call("GET", `${space}/executions/${id}`)).json;
const reaches = (id: string, status: string) =>
  until(
    () => read(id),
    (view) => view.status === status,
  );

async function answer(id: string): Promise<void> {
  const view = await until(
    () => read(id),
    ({ waitingFor }) => waitingFor.length === 1,
  );
  await call("POST", `${space}/executions/${id}/resume`, { eventId: view.waitingFor[0].id, data: "yes" });
}

describe("limits over HTTP", () => {
  it("hold runs back, and start them when their turn has come", async () => {
    const id = await asking({ concurrency: { max: 1 } });
    const first = await run(id);
    const second = await run(id, { mode: "sync" });
    const third = await run(id, { priority: "high" });
    expect([second.status, second.json.status, third.json.status]).toEqual([202, "queued", "queued"]);
    expect([second.json.queuedUntil, third.json.priority]).toEqual([expect.any(String), 10]);
    await answer(first.json.id);
    await answer(third.json.id);
    expect((await read(second.json.id)).status).not.toBe("succeeded");
    await answer(second.json.id);
    expect(await reaches(second.json.id, "succeeded")).toMatchObject({ queuedUntil: null, output: { answer: "yes" } });
  }, 60_000);

  it("turn runs away", async () => {
    const id = await asking({ concurrency: { max: 1, onLimit: "reject" } });
    const { json } = await run(id);
    const refused = await run(id, { mode: "sync" });
    expect([refused.status, refused.json.error.code]).toEqual([429, "rate_limited"]);
    await call("POST", `${space}/executions/${json.id}/cancel`);
    expect((await run(id)).status).toBe(202);
    const rated = await asking({ rateLimit: { limit: 1, windowSeconds: 60 } });
    await run(rated);
    const late = await run(rated);
    expect([late.status, Number(late.headers.get("retry-after")) > 0]).toEqual([429, true]);
  }, 60_000);

  it("give a repeat the execution that there is", async () => {
    const id = await asking({});
    const body = { dedupe: { key: "order 7" } };
    const [first, second] = await Promise.all([run(id, body), run(id, body)]);
    expect(second.json.id).toBe(first.json.id);
  }, 60_000);
});

describe("an error workflow over HTTP", () => {
  it("is started with what is known of the run that failed", async () => {
    const errors = await published(
      {
        nodes: [
          { id: "failed", type: "error_trigger", data: {} },
          {
            id: "end",
            type: "end",
            data: {
              inputs: [
                { name: "why", ref: "failed.execution.error.message" },
                { name: "of", ref: "failed.workflow.name" },
              ],
            },
          },
        ],
        edges: [{ source: "failed", target: "end" }],
      },
      {},
    );
    const stop = {
      nodes: [
        { id: "start", type: "start", data: {} },
        { id: "stop", type: "stop_with_error", data: { config: { message: "no stock" } } },
        { id: "end", type: "end", data: {} },
      ],
      edges: [
        { source: "start", target: "stop" },
        { source: "start", target: "end" },
      ],
    };
    const id = await published(stop, { errorWorkflowId: errors });
    const { json } = await run(id, { mode: "sync" });
    expect(json.status).toBe("failed");
    const list = async () => (await call("GET", `${space}/executions?workflowId=${errors}`)).json.items;
    const [called] = await until(list, (items) => items.length === 1);
    expect(called.trigger).toEqual({ type: "error", id: json.id });
    expect(await reaches(called.id, "succeeded")).toMatchObject({ output: { why: "no stock", of: "w" } });
  }, 60_000);
});
