import {
  AUDIT_RETENTION_DAYS,
  ListLoginLogs,
  ListOperationLogs,
  LoginLog,
  OperationLog,
} from "@weft/core/audit/audit.schema";
import {
  listLogins,
  listPlatformOperations,
  listSpaceOperations,
  recordLogin,
  recordOperation,
} from "@weft/core/audit/audit.service";
import { ManualClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTable } from "../support/table.ts";

const DAY = 24 * 60 * 60 * 1000;
let server: DynamoServer;
let clock: ManualClock;
let start = Date.UTC(2026, 0, 1, 12);

beforeAll(async () => {
  server = await startTable();
});
afterAll(() => server.close());
beforeEach(() => {
  // Each test has a year of its own: the log of the platform is one for all.
  start += 366 * DAY;
  clock = new ManualClock(start);
});

const platform = (): Ctx => systemCtx("test", { clock });
const logins = (input: object = {}) => listLogins(platform(), ListLoginLogs.parse(input));
const operations = (spaceId: Id<"space">, input: object = {}) =>
  listSpaceOperations(platform(), spaceId, ListOperationLogs.parse(input));

function user(spaceId = newId("space"), userId = newId("user")): Ctx & { spaceId: Id<"space"> } {
  const actor = { type: "user" as const, userId, sessionId: newId("session") };
  return { actor, clock, requestId: "req-1", spaceId, ip: "10.0.0.1", userAgent: "browser" };
}

describe("login log", () => {
  it("keeps each try in order, its account masked", async () => {
    const userId = newId("user");
    const ctx = { ...platform(), ip: "10.0.0.9", userAgent: "curl sk_secretsecret1234" };
    await recordLogin(ctx, { account: "jane@example.com", userId, outcome: "wrong_password" });
    clock.advance(1000);
    await recordLogin(ctx, { account: "hunter2-my-password", outcome: "unknown_account" });
    const { items, nextCursor } = await logins();
    expect(items.map((item) => LoginLog.parse(item))).toEqual(items);
    expect(items.map(({ account, outcome, userId: of }) => [account, outcome, of])).toEqual([
      ["hu***", "unknown_account", null],
      ["ja***@example.com", "wrong_password", userId],
    ]);
    expect(items[0]).toMatchObject({ ip: "10.0.0.9", userAgent: "curl [redacted]" });
    expect(nextCursor).toBeNull();
  });

  it("lists over days, by user and by outcome, page by page", async () => {
    const userId = newId("user");
    for (let n = 0; n < 12; n++) {
      const outcome = n % 2 ? "succeeded" : "wrong_password";
      await recordLogin(platform(), { account: "a@b.c", ...(n % 3 ? {} : { userId }), outcome });
      if (n % 4 === 3) clock.advance(DAY);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    const sizes: number[] = [];
    do {
      const page = await logins({ limit: 4, cursor });
      sizes.push(page.items.length);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
    expect(sizes).toEqual([4, 4, 4]);
    expect(seen).toEqual([...seen].sort().reverse());
    expect(new Set(seen).size).toBe(12);
    expect((await logins({ userId })).items).toHaveLength(4);
    expect((await logins({ userId, outcome: "succeeded" })).items).toHaveLength(2);
    const today = new Date(clock.now() - DAY).toISOString().slice(0, 10);
    expect((await logins({ from: today, to: today })).items).toHaveLength(4);
  });

  it("refuses days in the wrong order, too many days and a cursor of another list", async () => {
    await expect(logins({ from: "2030-01-02", to: "2030-01-01" })).rejects.toMatchObject({ code: "invalid_input" });
    await expect(logins({ from: "2030-01-01", to: "2030-03-01" })).rejects.toMatchObject({ code: "invalid_input" });
    for (let n = 0; n < 3; n++) await recordLogin(platform(), { account: "x", outcome: "succeeded" });
    const { nextCursor } = await logins({ limit: 1 });
    await expect(logins({ limit: 1, outcome: "succeeded", cursor: nextCursor })).rejects.toMatchObject({
      code: "invalid_cursor",
    });
  });

  it("shows no row past its retention, though the store still has it", async () => {
    const userId = newId("user");
    await recordLogin(platform(), { account: "old", userId, outcome: "succeeded" });
    clock.advance(AUDIT_RETENTION_DAYS * DAY - 1000);
    expect((await logins({ userId })).items).toHaveLength(1);
    clock.advance(2000);
    expect((await logins({ userId })).items).toHaveLength(0);
  });
});

describe("operation log", () => {
  it("keeps who did what to which thing, without secrets", async () => {
    const ctx = user();
    const targetId = newId("workflow");
    const args = { name: "n", password: "hunter2", nested: { header: "Bearer abcdefghijkl" }, text: "z".repeat(9000) };
    await recordOperation(ctx, {
      operation: "updateWorkflow",
      targetId,
      status: 409,
      errorCode: "conflict",
      durationMs: 1.23456,
      args,
    });
    const { items } = await operations(ctx.spaceId);
    const row = OperationLog.parse(items[0]);
    expect(row).toMatchObject({
      spaceId: ctx.spaceId,
      actorType: "user",
      actorId: ctx.actor.type === "user" ? ctx.actor.userId : "",
      operation: "updateWorkflow",
      targetId,
      status: 409,
      errorCode: "conflict",
      durationMs: 1.235,
      requestId: "req-1",
    });
    expect(row.args).toMatchObject({ name: "n", password: "[redacted]", nested: { header: "[redacted]" } });
    expect(JSON.stringify(items)).not.toContain("hunter2");
    expect(JSON.stringify(items).length).toBeLessThan(1500);
  });

  it("cuts arguments that stay large after redaction", async () => {
    const ctx = user();
    const args = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`field${n}`, "z".repeat(400)]));
    await recordOperation(ctx, { operation: "x", status: 200, durationMs: 1, args });
    const { items } = await operations(ctx.spaceId);
    expect(JSON.stringify(items[0]?.args).length).toBeLessThan(6000);
  });

  it("lists by target, actor, name and outcome within one space", async () => {
    const ctx = user();
    const other = user(newId("space"), ctx.actor.type === "user" ? ctx.actor.userId : newId("user"));
    const targetId = newId("workflow");
    for (const [who, operation, status] of [
      [ctx, "create", 201],
      [ctx, "update", 404],
      [other, "create", 201],
      [user(ctx.spaceId), "update", 200],
    ] as const) {
      clock.advance(10);
      await recordOperation(who, { operation, targetId, status, durationMs: 1 });
    }
    const actorId = ctx.actor.type === "user" ? ctx.actor.userId : "";
    const names = async (input: object) =>
      (await operations(ctx.spaceId, input)).items.map(({ operation }) => operation);
    expect(await names({})).toEqual(["update", "update", "create"]);
    expect(await names({ targetId })).toEqual(["update", "update", "create"]);
    expect(await names({ actorId })).toEqual(["update", "create"]);
    expect(await names({ targetId, actorId, operation: "create" })).toEqual(["create"]);
    expect(await names({ outcome: "failed" })).toEqual(["update"]);
    expect((await operations(other.spaceId, { targetId })).items).toHaveLength(1);
  });

  it("keeps what is done outside of spaces apart, and rubbish out of keys", async () => {
    const ctx: Ctx = { actor: { type: "public" }, clock, requestId: "r" };
    await recordOperation(ctx, { operation: "register", targetId: "../#x_y", status: 201, durationMs: 1 });
    const page = await listPlatformOperations(ctx, ListOperationLogs.parse({}));
    expect(page.items).toMatchObject([{ spaceId: null, operation: "register", targetId: null, actorId: "public" }]);
    expect((await operations(newId("space"))).items).toEqual([]);
  });
});
