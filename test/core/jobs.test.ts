import { JobResults } from "@weft/core/platform/job.entity";
import { Job, ListJobResults } from "@weft/core/platform/job.schema";
import { list, listResults, run, tick } from "@weft/core/platform/job.service";
import { allJobs, defineJob, getJob } from "@weft/core/platform/jobs";
import { ManualClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTable } from "../support/table.ts";

let server: DynamoServer;
beforeAll(async () => {
  server = await startTable();
});
afterAll(() => server.close());

const clock = new ManualClock();
const ctx: Ctx = systemCtx("scheduler", { clock });
const results = async (name: string, input: object = {}) =>
  (await listResults(ctx, name, ListJobResults.parse(input))).items;

function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("platform jobs", () => {
  it("keep what each run did, newest first", async () => {
    let runs = 0;
    defineJob({
      name: "count-things",
      schedule: "rate(5 minutes)",
      run: async ({ ctx: own, deadline }) => {
        clock.advance(250);
        return { runs: ++runs, actor: own.actor, left: deadline - clock.now(), apiKey: "hidden" };
      },
    });
    const first = await run(ctx, "count-things", "scheduled");
    expect(first).toMatchObject({ status: "succeeded", trigger: "scheduled", durationMs: 250, error: null });
    expect(first.summary).toMatchObject({ runs: 1, left: 299_750, apiKey: "[redacted]" });
    expect(first.summary).toMatchObject({ actor: { type: "system", reason: "count-things" } });
    await run(ctx, "count-things", "manual");
    expect((await results("count-things")).map(({ trigger }) => trigger)).toEqual(["manual", "scheduled"]);
    const job = (await list(ctx)).find(({ name }) => name === "count-things");
    expect(Job.parse(job)).toMatchObject({ schedule: "rate(5 minutes)", lastResult: { trigger: "manual" } });
  });

  it("end as failed when they throw, and run again", async () => {
    let isBroken = true;
    defineJob({
      name: "breaks-once",
      schedule: "cron(0 3 * * ? *)",
      run: async () => {
        if (isBroken) throw new AppError("upstream", "no answer, token Bearer abcdefghijkl");
        return {};
      },
    });
    expect(await tick(ctx, "breaks-once")).toMatchObject({
      status: "failed",
      error: { code: "upstream", message: "no answer, token [redacted]" },
    });
    isBroken = false;
    expect(await tick(ctx, "breaks-once")).toMatchObject({ status: "succeeded" });
    expect(await results("breaks-once", { status: "failed" })).toHaveLength(1);
  });

  it("never overlap: a tick passes by, a person is told", async () => {
    const { open, opened } = gate();
    const started = gate();
    defineJob({
      name: "slow-job",
      schedule: "rate(1 minute)",
      run: async () => {
        started.open();
        await opened;
        return {};
      },
    });
    const first = run(ctx, "slow-job", "scheduled");
    await started.opened;
    expect(await tick(ctx, "slow-job")).toBeNull();
    await expect(run(ctx, "slow-job", "manual")).rejects.toMatchObject({ code: "conflict" });
    open();
    expect((await first).status).toBe("succeeded");
    expect(await results("slow-job")).toHaveLength(1);
  });

  it("settle a run that died, and its late end changes nothing", async () => {
    const { open, opened } = gate();
    const started = gate();
    let isFirst = true;
    defineJob({
      name: "dies",
      schedule: "rate(1 minute)",
      timeoutMs: 60_000,
      run: async () => {
        if (!isFirst) return {};
        isFirst = false;
        started.open();
        await opened;
        return { late: true };
      },
    });
    const dead = run(ctx, "dies", "scheduled");
    await started.opened;
    expect((await results("dies"))[0]?.status).toBe("running");
    clock.advance(75_000);
    expect((await run(ctx, "dies", "scheduled")).status).toBe("succeeded");
    const [, interrupted] = await results("dies");
    expect(interrupted).toMatchObject({ status: "failed", error: { message: "interrupted" } });
    open();
    expect(await dead).toMatchObject({ status: "failed", error: { message: "interrupted" } });
    expect((await results("dies")).map(({ status }) => status)).toEqual(["succeeded", "failed"]);
  });

  it("are not found by another name, and not defined twice or wrongly", async () => {
    await expect(run(ctx, "no-such-job", "manual")).rejects.toMatchObject({ code: "not_found" });
    await expect(results("no-such-job")).rejects.toMatchObject({ code: "not_found" });
    expect(() => getJob("__proto__")).toThrow(AppError);
    const job = { schedule: "rate(1 minute)", run: async () => ({}) };
    expect(() => defineJob({ ...job, name: "dies" })).toThrow("defined twice");
    expect(() => defineJob({ ...job, name: "Bad Name" })).toThrow();
    expect(() => defineJob({ ...job, name: "bad-schedule", schedule: "every minute" })).toThrow("schedule");
    expect(allJobs().map(({ name }) => name)).not.toContain("bad-schedule");
  });

  it("show no result past its time", async () => {
    const row = { scope: "platform", jobName: "dies", jobResultId: newId("jobResult", clock.now() + 1) } as const;
    const past = Math.floor(clock.now() / 1000);
    const rest = {
      trigger: "manual",
      startedBy: "x",
      status: "failed",
      startedAt: "2020-01-01T00:00:00.000Z",
    } as const;
    await JobResults.create({ ...row, ...rest, requestId: "r", expiresAt: past }).go();
    expect((await results("dies")).map(({ id }) => id)).not.toContain(row.jobResultId);
  });
});
