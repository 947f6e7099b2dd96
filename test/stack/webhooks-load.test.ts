import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echo, type HookWorld, startHookWorld } from "../support/webhooks.ts";
import { until } from "../support/world.ts";

/** `npm test` takes a sample; `npm run prove` runs the whole. */
const isWhole = process.env.WEFT_HOOKS === "whole";
const WEBHOOKS = isWhole ? 10 : 4;
const USERS = isWhole ? 200 : 20;
const SECONDS = isWhole ? 60 : 0;
/** Of each user, where no time is set. */
const CALLS = 5;
const REPEATS = isWhole ? 100 : 30;
const UPLOAD_BYTES = isWhole ? 1024 ** 3 : 12 * 1024 ** 2;
const CHUNK = 4 * 1024 ** 2;

let world: HookWorld;
beforeAll(async () => {
  world = await startHookWorld();
}, 180_000);
afterAll(() => world.close());

async function all(workflowId: string): Promise<{ id: string; status: string }[]> {
  const items: { id: string; status: string }[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await world.must(200, "GET", `/executions?workflowId=${workflowId}&limit=100${query}`);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return items;
}

describe("webhooks under load", () => {
  it(`answer ${USERS} users at once with nothing but successes, and start each run once`, async () => {
    const modes = ["last_node", "immediate"];
    const hooks = await Promise.all(
      Array.from({ length: WEBHOOKS }, async (_, index) => {
        const workflowId = await world.publish(echo);
        const { path } = await world.hook(workflowId, { response: { mode: modes[index % 2] } });
        return { workflowId, path, calls: 0 };
      }),
    );
    const statuses = new Map<number, number>();
    const ends = performance.now() + SECONDS * 1000;
    const user = async (number: number): Promise<void> => {
      for (let turn = 0; SECONDS > 0 ? performance.now() < ends : turn < CALLS; turn += 1) {
        const hook = hooks[(number + turn) % hooks.length]!;
        hook.calls += 1;
        const headers: Record<string, string> = turn % 2 === 0 ? { "idempotency-key": `${number}-${turn}` } : {};
        const { status } = await world.call("POST", hook.path, { number, turn }, headers);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: USERS }, (_, number) => user(number)));
    expect([...statuses.keys()].filter((status) => status < 200 || status > 299)).toEqual([]);
    let total = 0;
    for (const { workflowId, calls } of hooks) {
      const executions = await until(
        () => all(workflowId),
        (items) => items.every(({ status }) => !["queued", "running", "waiting"].includes(status)),
      );
      expect(executions.filter(({ status }) => status !== "succeeded")).toEqual([]);
      expect(executions).toHaveLength(calls);
      total += calls;
    }
    console.log(`webhooks: ${USERS} users, ${WEBHOOKS} webhooks, ${total} calls, ${total} executions, all succeeded`);
  }, 900_000);

  it(`make one run of ${REPEATS} repeats at once`, async () => {
    const workflowId = await world.publish(echo);
    const { path } = await world.hook(workflowId);
    const answers = await Promise.all(
      Array.from({ length: REPEATS }, () => world.call("POST", path, { a: 1 }, { "idempotency-key": "one" })),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await all(workflowId)).toHaveLength(1);
  }, 120_000);

  it(`take an upload of ${UPLOAD_BYTES} bytes as it is`, async () => {
    const workflowId = await world.publish(echo);
    const { path, id } = await world.hook(workflowId, { response: { mode: "last_node" } });
    const chunk = randomBytes(CHUNK);
    const count = UPLOAD_BYTES / CHUNK;
    const hash = createHash("sha256");
    for (let at = 0; at < count; at += 1) hash.update(chunk);
    const sha256 = hash.digest("hex");
    const announced = { contentType: "application/octet-stream", size: UPLOAD_BYTES, sha256 };
    const { status, json: upload } = await world.call("POST", `/hooks/${id}/-/uploads`, announced);
    expect(status).toBe(201);
    const body = Readable.from(
      (function* () {
        for (let at = 0; at < count; at += 1) yield chunk;
      })(),
    );
    const sent = { method: "PUT", headers: upload.request.headers, body: Readable.toWeb(body), duplex: "half" };
    const put = await fetch(upload.request.url, sent as never);
    expect([put.status, await put.text()]).toEqual([200, ""]);
    const done = await world.call("POST", path, undefined, upload.finish.headers);
    expect([done.status, done.json?.body]).toMatchObject([200, { size: UPLOAD_BYTES }]);
    expect((await world.must(200, "GET", `/files/${done.json.body.id}`)).sha256).toBe(sha256);
  }, 900_000);
});
