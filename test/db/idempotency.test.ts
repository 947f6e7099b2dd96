import { begin, bodyHash, complete, fail, IDEMPOTENCY_MS, IN_PROGRESS_MS } from "@weft/db/idempotency";
import { ManualClock } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTable } from "../support/table.ts";

let server: DynamoServer;
let ctx: Ctx;
let clock: ManualClock;

beforeAll(async () => {
  server = await startTable();
});
afterAll(() => server.close());
beforeEach(() => {
  clock = new ManualClock();
  ctx = caller();
});

function caller(): Ctx {
  const actor = { type: "user" as const, userId: newId("user"), sessionId: newId("session") };
  return { actor, clock, requestId: "req", spaceId: newId("space") };
}

const request = (body: unknown = { a: 1 }) => ({ operation: "runWorkflow", key: "k-1", bodyHash: bodyHash(body) });

async function claimed() {
  const state = await begin(ctx, request());
  if (state.state !== "fresh") throw new Error(`expected a fresh key, got ${state.state}`);
  return state.claim;
}

describe("idempotency keys", () => {
  it("does the work once and repeats the answer for a day", async () => {
    const claim = await claimed();
    expect(await begin(ctx, request())).toMatchObject({ state: "in_progress", retryAfterSeconds: 1 });
    expect(await complete(ctx, claim, { json: '{"id":7}' })).toBe(true);
    clock.advance(IDEMPOTENCY_MS - 1000);
    expect(await begin(ctx, request())).toEqual({ state: "completed", result: { json: '{"id":7}' } });
    clock.advance(2000);
    expect(await begin(ctx, request())).toMatchObject({ state: "fresh" });
  });

  it("gives the work to one of many at once", async () => {
    const states = await Promise.all(Array.from({ length: 20 }, () => begin(ctx, request())));
    expect(states.filter(({ state }) => state === "fresh")).toHaveLength(1);
    expect(states.filter(({ state }) => state === "in_progress")).toHaveLength(19);
  });

  it("refuses the key with another body, in progress and completed", async () => {
    const claim = await claimed();
    await expect(begin(ctx, request({ a: 2 }))).rejects.toMatchObject({ code: "conflict" });
    await complete(ctx, claim);
    await expect(begin(ctx, request({ a: 2 }))).rejects.toMatchObject({ code: "conflict" });
    clock.advance(IN_PROGRESS_MS + 1);
    await expect(begin(ctx, request({ a: 2 }))).rejects.toMatchObject({ code: "conflict" });
  });

  it("takes a body for the same whatever the order of its fields", () => {
    expect(bodyHash({ a: 1, b: [{ c: 1, d: 2 }] })).toBe(bodyHash({ b: [{ d: 2, c: 1 }], a: 1 }));
    expect(bodyHash({ a: [1, 2] })).not.toBe(bodyHash({ a: [2, 1] }));
    expect(bodyHash(undefined)).toBe(bodyHash(undefined));
  });

  it("is free again after a failure, also for another body", async () => {
    expect(await fail(await claimed())).toBe(true);
    expect(await begin(ctx, request({ a: 2 }))).toMatchObject({ state: "fresh" });
  });

  it("passes to a repeat when its worker was not heard of, and the late worker changes nothing", async () => {
    const late = await claimed();
    clock.advance(IN_PROGRESS_MS + 1);
    const next = await claimed();
    expect(await complete(ctx, late, { json: "1" })).toBe(false);
    expect(await fail(late)).toBe(false);
    expect(await complete(ctx, next, { json: "2" })).toBe(true);
    expect(await fail(next)).toBe(false);
    expect(await begin(ctx, request())).toEqual({ state: "completed", result: { json: "2" } });
  });

  it("is one actor's, one operation's and one space's", async () => {
    await claimed();
    expect(await begin(caller(), request())).toMatchObject({ state: "fresh" });
    expect(await begin({ ...ctx, spaceId: newId("space") }, request())).toMatchObject({ state: "fresh" });
    expect(await begin(ctx, { ...request(), operation: "other" })).toMatchObject({ state: "fresh" });
    expect(await begin(ctx, { ...request(), key: "K-1" })).toMatchObject({ state: "fresh" });
  });

  it("refuses an empty and an over-long key", async () => {
    for (const key of ["", "x".repeat(256)]) {
      await expect(begin(ctx, { ...request(), key })).rejects.toMatchObject({ code: "invalid_input" });
    }
  });
});
