import { startWeft, type WeftStack } from "@weft/local/stack";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let stack: WeftStack;

beforeAll(async () => {
  stack = await startWeft();
});

afterAll(() => stack.close());

async function call(method: string, path: string, body?: object, token?: string) {
  const response = await fetch(stack.url + path, {
    method,
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of many routes
  return { status: response.status, body: (await response.json()) as any };
}

describe("the product on the local cloud, from its own templates", () => {
  it("answers, and the gateway's own answers have the one body that all dialects read", async () => {
    expect(await call("GET", "/health")).toMatchObject({ status: 200, body: { status: "ok" } });
    for (const [path, status, code] of [
      ["/api/me", 401, "unauthenticated"],
      ["/no/such/path", 404, "not_found"],
    ] as const) {
      const answer = await call("GET", path);
      expect(answer).toMatchObject({ status, body: { error: { code, requestId: expect.any(String) } } });
      expect(answer.body.msg).toBe(answer.body.error.message);
    }
  });

  it("takes a person from sign-up by mail to a published workflow and its runs in every way", async () => {
    const person = { email: "ada@example.com", userName: "ada", password: "a long enough pass phrase 7" };
    expect((await call("POST", "/api/auth/register", person)).status).toBe(202);
    const code = /mt_[\w-]+/.exec(stack.aws.mail.list().at(-1)?.text ?? "")?.[0];
    expect((await call("POST", "/api/auth/verify-email", { token: code })).status).toBe(200);
    const { token } = (await call("POST", "/api/auth/login", { userName: "ada", password: person.password })).body;
    const { personalSpaceId } = (await call("GET", "/api/me", undefined, token)).body;
    const workflows = `/api/spaces/${personalSpaceId}/workflows`;
    const created = await call("POST", workflows, { name: "Greeting", canvas: greeting }, token);
    expect(created.status).toBe(201);
    const { id } = created.body;
    expect((await call("POST", `${workflows}/${id}/publish`, { force: true }, token)).status).toBe(201);

    const before = stack.counts().dynamodb.itemsWritten;
    const sync = await call("POST", `${workflows}/${id}/run`, { mode: "sync", input: { who: "Ada", ms: 0 } }, token);
    expect(sync).toMatchObject({ status: 200, body: { status: "succeeded", output: { greeting: "Hello Ada" } } });
    expect(stack.counts().dynamodb.itemsWritten - before).toBe(2);

    const input = { who: "Ada", ms: 10 * 60_000 };
    const started = await call("POST", `${workflows}/${id}/run`, { mode: "async", input }, token);
    expect(started.status).toBe(202);
    const execution = `/api/spaces/${personalSpaceId}/executions/${started.body.id}`;
    await stack.idle();
    const open = await call("GET", execution, undefined, token);
    expect(open).toMatchObject({ status: 200, body: { status: expect.stringMatching(/waiting|running/) } });
    await stack.advance(10 * 60_000 + 1_000);
    const over = await call("GET", execution, undefined, token);
    expect(over).toMatchObject({ status: 200, body: { status: "succeeded", output: { greeting: "Hello Ada" } } });
  });
});

const at = { x: 0, y: 0 };
const greeting = {
  nodes: [
    {
      id: "start",
      type: "start",
      position: at,
      data: {
        label: "Start",
        config: {},
        inputs: [],
        outputs: [
          { name: "who", type: "string", required: true },
          { name: "ms", type: "integer", required: true },
        ],
      },
    },
    {
      id: "rest",
      type: "wait",
      position: at,
      data: {
        label: "Rest",
        config: { mode: "duration", ms: { input: "ms" } },
        inputs: [{ name: "ms", ref: "start.ms" }],
      },
    },
    {
      id: "text",
      type: "text",
      position: at,
      data: {
        label: "Text",
        config: { method: "concat", template: "Hello {{who}}" },
        inputs: [{ name: "who", ref: "start.who" }],
      },
    },
    {
      id: "end",
      type: "end",
      position: at,
      data: { label: "End", config: {}, inputs: [{ name: "greeting", ref: "text.output" }] },
    },
  ],
  edges: [
    { id: "a", source: "start", target: "rest" },
    { id: "b", source: "rest", target: "text" },
    { id: "c", source: "text", target: "end" },
  ],
  viewport: { x: 0, y: 0, zoom: 1 },
};
