import { recordLogin, recordOperation } from "@weft/core/audit/audit.service";
import { SessionEntity } from "@weft/core/identity/session.entity";
import { UserEntity } from "@weft/core/identity/user.entity";
import { listResults } from "@weft/core/platform/job.service";
import { defineJob } from "@weft/core/platform/jobs";
import { created } from "@weft/db/base";
import { authorizerContext } from "@weft/http/authenticate";
import { isoTime, systemClock } from "@weft/kernel/clock";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CallRequest, callApi } from "../support/call.ts";
import { startInvocations } from "../support/invocations.ts";
import { startTable } from "../support/table.ts";

type Handler = Parameters<typeof callApi>[0];
type Tick = (event: unknown, context: never) => Promise<unknown>;

let server: DynamoServer;
let invocations: Awaited<ReturnType<typeof startInvocations>>;
let handler: Handler;
let tick: Tick;
let runs = 0;
let admin: Record<string, string>;
let analyst: Record<string, string>;
let stranger: Record<string, string>;

async function person(...roles: string[]): Promise<Record<string, string>> {
  const ctx = systemCtx("test");
  const [userId, sessionId] = [newId("user"), newId("session")];
  const now = isoTime(systemClock.now());
  const names = { email: `${userId}@example.com`, userName: userId, displayName: "P", passwordHash: "x" };
  const state = { passwordVersion: 1, sessionEpoch: 1, emailVerifiedAt: now, isSingleLogin: false, roles };
  const user = { scope: "platform", userId, ...names, ...state, personalSpaceId: newId("space"), ...created(ctx) };
  await UserEntity.create(user).go();
  const times = { createdAt: now, lastSeenAt: now, expiresAt: Math.floor(systemClock.now() / 1000) + 3600 };
  await SessionEntity.create({ scope: "platform", sessionId, userId, secretHash: "x", epoch: 1, ...times }).go();
  return authorizerContext({ type: "user", userId, sessionId });
}

beforeAll(async () => {
  server = await startTable();
  ({ handler } = (await import("../../functions/platform/index.ts")) as { handler: Handler });
  ({ handler: tick } = (await import("../../functions/platform/jobs.ts")) as unknown as { handler: Tick });
  Object.assign(process.env, { JOBS_FUNCTION: "jobs", CANVAS_JOBS_FUNCTION: "canvas-jobs" });
  invocations = await startInvocations({ jobs: tick });
  [admin, analyst, stranger] = [await person("admin"), await person("analyst"), await person()];
  defineJob({ name: "count-runs", schedule: "rate(1 minute)", run: async () => ({ runs: ++runs }) });
  defineJob({
    name: "always-fails",
    schedule: "rate(1 hour)",
    run: async () => {
      throw new Error("nothing works");
    },
  });
});
afterAll(() => Promise.all([server.close(), invocations.close()]));
beforeEach(() => {
  runs = 0;
});

const call = (authorizer: Record<string, string> | undefined, path: string, rest: Partial<CallRequest> = {}) =>
  callApi(handler, { path: `/api/platform/${path}`, ...(authorizer ? { authorizer } : {}), ...rest });
const post = (path: string, rest: Partial<CallRequest> = {}) => call(admin, path, { method: "POST", ...rest });
const event = { getRemainingTimeInMillis: () => 300_000, awsRequestId: "req-tick" } as never;

describe("happy", () => {
  it("lists jobs, runs one, and shows how it ended", async () => {
    const ran = await post("jobs/count-runs/run");
    expect(ran.status).toBe(200);
    expect(ran.json).toMatchObject({ job: "count-runs", trigger: "manual", status: "succeeded", summary: { runs: 1 } });
    const results = await call(admin, "jobs/count-runs/results");
    expect(results.json.items[0]).toEqual(ran.json);
    const jobs = await call(admin, "jobs");
    expect(jobs.json.items.find((job: { name: string }) => job.name === "count-runs")).toEqual({
      name: "count-runs",
      schedule: "rate(1 minute)",
      lastResult: ran.json,
    });
  });

  it("runs once for calls with one Idempotency-Key", async () => {
    const headers = { "Idempotency-Key": "once" };
    const first = await post("jobs/count-runs/run", { headers });
    const second = await post("jobs/count-runs/run", { headers });
    expect(second.json).toEqual(first.json);
    expect(runs).toBe(1);
  });

  it("pages through results", async () => {
    for (let n = 0; n < 3; n++) await post("jobs/count-runs/run");
    const first = await call(admin, "jobs/count-runs/results?limit=2");
    expect(first.json.items).toHaveLength(2);
    const next = await call(admin, `jobs/count-runs/results?limit=2&cursor=${first.json.nextCursor}`);
    const ids = [...first.json.items, ...next.json.items].map((item: { id: string }) => item.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("writes each run of a person to the operation log, and shows it", async () => {
    process.env._X_AMZN_TRACE_ID = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    await post("jobs/count-runs/run");
    const logs = await call(analyst, `operation-logs?operation=runJob&actorId=${admin.userId}`);
    const row = { operation: "runJob", status: 200, spaceId: null, ip: "192.0.2.1" };
    expect(logs.json.items[0]).toMatchObject({ ...row, traceId: "1-5759e988-bd862e3fe1be46a994272793" });
    await recordOperation(systemCtx("x", { spaceId: newId("space") }), {
      operation: "inSpace",
      status: 200,
      durationMs: 1,
    });
    const inSpace = await call(analyst, "operation-logs?operation=inSpace");
    expect(inSpace.json).toEqual({ items: [], nextCursor: null });
  });

  it("shows login tries by outcome", async () => {
    await recordLogin(systemCtx("login"), { account: "who@example.com", outcome: "rate_limited" });
    const logs = await call(analyst, "login-logs?outcome=rate_limited");
    expect(logs.json.items).toMatchObject([{ account: "wh***@example.com", outcome: "rate_limited", userId: null }]);
  });

  it("runs a job on its schedule, and lets a failed one be seen", async () => {
    expect(await tick({ job: "count-runs" }, event)).toMatchObject({ status: "succeeded", trigger: "scheduled" });
    await expect(tick({ job: "always-fails" }, event)).rejects.toThrow("job always-fails failed: nothing works");
    const { items } = await listResults(systemCtx("test"), "always-fails", { limit: 5 });
    expect(items).toMatchObject([{ status: "failed", requestId: "req-tick" }]);
  });
});

describe("error", () => {
  it("answers a failed run as its result", async () => {
    const ran = await post("jobs/always-fails/run");
    expect(ran.json).toMatchObject({ status: "failed", error: { code: "internal", message: "nothing works" } });
  });

  it.each([
    ["jobs/no-such-job/results", 404, "not_found"],
    ["jobs/Bad%20Name/results", 400, "invalid_input"],
    ["jobs/count-runs/results?cursor=rubbish", 400, "invalid_cursor"],
    ["jobs/count-runs/results?limit=101", 400, "invalid_input"],
    ["jobs/count-runs/results?status=done", 400, "invalid_input"],
    ["login-logs?from=2026-02-30", 400, "invalid_input"],
    ["login-logs?from=2026-01-02&to=2026-01-01", 400, "invalid_input"],
    ["operation-logs?from=2025-01-01", 400, "invalid_input"],
    ["operation-logs?colour=red", 400, "invalid_input"],
    ["nothing-here", 404, "not_found"],
  ])("GET %s is %i %s", async (path, status, code) => {
    const answer = await call(admin, path);
    expect([answer.status, answer.json.error.code]).toEqual([status, code]);
  });

  it("refuses a body where there is none, and the wrong method", async () => {
    expect((await post("jobs/count-runs/run", { body: { a: 1 } })).status).toBe(400);
    expect((await post("jobs/no-such-job/run")).status).toBe(404);
    expect((await call(admin, "jobs/count-runs/run")).status).toBe(405);
    expect(runs).toBe(0);
  });

  it("refuses an event that is no tick", async () => {
    await expect(tick({}, event)).rejects.toThrow();
    await expect(tick({ job: "no-such-job" }, event)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("security", () => {
  const gets = ["jobs", "jobs/count-runs/results", "operation-logs", "login-logs"];

  it("answers 401 without an identity and 403 without the permission", async () => {
    for (const path of gets) {
      expect([path, (await call(undefined, path)).status]).toEqual([path, 401]);
      expect([path, (await call(stranger, path)).status]).toEqual([path, 403]);
    }
    const refused = [undefined, stranger, analyst].map((who) => call(who, "jobs/count-runs/run", { method: "POST" }));
    expect((await Promise.all(refused)).map(({ status }) => status)).toEqual([401, 403, 403]);
    expect(runs).toBe(0);
  });

  it("gives an auditor the logs and not the jobs", async () => {
    const statuses = await Promise.all(gets.map(async (path) => (await call(analyst, path)).status));
    expect(statuses).toEqual([403, 403, 200, 200]);
  });
});
