import { expiresIn, isExpired } from "@weft/db/base";
import { acquire, unlock } from "@weft/db/lock";
import { listPage } from "@weft/db/page";
import { read, tryWrite, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError, conflict, messageOf } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { redact, redactText } from "@weft/kernel/redact";
import type { EntityItem } from "electrodb";
import { JobResults } from "./job.entity.ts";
import { JOB_RESULT_DAYS, type Job, type JobResult, type JobTrigger, type ListJobResults } from "./job.schema.ts";
import { getJob, type JobRun, knownJob, knownJobs, type RegisteredJob } from "./jobs.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** A run that was killed keeps the lock this much longer than it may run, so that clocks need not agree. */
const LOCK_MARGIN_MS = 10_000;
/** Runs before the last one whose end may be unknown. */
const UNSETTLED_LOOKBACK = 10;
const MAX_SUMMARY_LENGTH = 8_192;
const MAX_ERROR_LENGTH = 1_000;

type Item = EntityItem<typeof JobResults>;

/** All jobs with how each ended last. */
export async function list(ctx: Ctx): Promise<Job[]> {
  return Promise.all(
    knownJobs().map(async ({ name, schedule }) => {
      const { items } = await listResults(ctx, name, { limit: 1 });
      return { name, schedule, lastResult: items[0] ?? null };
    }),
  );
}

/** Results of one job, newest first. Throws `not_found` for a job that does not exist. */
export async function listResults(ctx: Ctx, name: string, input: ListJobResults): Promise<Page<JobResult>> {
  const now = ctx.clock.now();
  const { limit, cursor, status } = input;
  const page = await listPage(JobResults.query.primary({ scope: "platform", jobName: knownJob(name).name }), {
    scope: { operation: "listJobResults", filters: { name, status } },
    limit,
    cursor,
    keep: (item) => !isExpired(item, now) && (!status || item.status === status),
  });
  return { ...page, items: page.items.map(toJobResult) };
}

/**
 * Runs a job now, under its lock: two runs of a job never overlap. A job that throws ends as a `failed` row and is not
 * thrown on. Throws `conflict` where the job is running and `not_found` where there is none of that name. `maxMs` is what
 * the caller itself has left.
 */
export async function run(
  ctx: Ctx,
  name: string,
  trigger: JobTrigger,
  options: { maxMs?: number } = {},
): Promise<JobResult> {
  const job = getJob(name);
  const mayTakeMs = Math.min(job.timeoutMs, options.maxMs ?? job.timeoutMs);
  const lock = await acquire(
    ctx.clock,
    { scope: "platform", name: `job:${name}` },
    { ttlMs: mayTakeMs + LOCK_MARGIN_MS },
  );
  if (!lock) throw conflict(`job ${name} is running`, { retryable: true });
  try {
    await settleInterrupted(ctx, name);
    const row = await start(ctx, job, trigger);
    const jobCtx = systemCtx(name, { clock: ctx.clock, requestId: ctx.requestId });
    const end = await attempt(job, { ctx: jobCtx, lock, deadline: ctx.clock.now() + mayTakeMs });
    return toJobResult(await settle(ctx, row, end));
  } finally {
    await unlock(lock);
  }
}

/** {@link run} for a schedule: null where the run before it is still busy, which then does the work. */
export async function tick(ctx: Ctx, name: string, options: { maxMs?: number } = {}): Promise<JobResult | null> {
  try {
    return await run(ctx, name, "scheduled", options);
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === "conflict") return null;
    throw thrown;
  }
}

type End = { status: "succeeded"; summary: string } | { status: "failed"; errorCode: string; errorMessage: string };

async function attempt(job: RegisteredJob, run: JobRun): Promise<End> {
  try {
    const text = JSON.stringify(redact(await job.run(run))) ?? "null";
    const summary =
      text.length <= MAX_SUMMARY_LENGTH ? text : JSON.stringify({ "…": text.slice(0, MAX_SUMMARY_LENGTH) });
    return { status: "succeeded", summary };
  } catch (thrown) {
    const errorCode = thrown instanceof AppError ? thrown.code : "internal";
    return { status: "failed", errorCode, errorMessage: redactText(messageOf(thrown)).slice(0, MAX_ERROR_LENGTH) };
  }
}

async function start(ctx: Ctx, job: RegisteredJob, trigger: JobTrigger): Promise<Item> {
  const now = ctx.clock.now();
  const row = {
    scope: "platform" as const,
    jobName: job.name,
    jobResultId: newId("jobResult", now),
    trigger,
    startedBy: actorId(ctx),
    status: "running" as const,
    startedAt: isoTime(now),
    requestId: ctx.requestId,
    expiresAt: expiresIn(JOB_RESULT_DAYS * DAY_MS, now),
  };
  return (await write(() => JobResults.create(row).go())).data;
}

/** The first end of a run stands. */
async function settle(ctx: Ctx, row: Item, end: End): Promise<Item> {
  const now = ctx.clock.now();
  const times = { endedAt: isoTime(now), durationMs: now - Date.parse(row.startedAt) };
  const key = { scope: row.scope, jobName: row.jobName, jobResultId: row.jobResultId };
  await tryWrite(() =>
    JobResults.patch(key)
      .set({ ...end, ...times })
      .where((attr, op) => op.eq(attr.status, "running"))
      .go(),
  );
  const { data } = await read(() => JobResults.get(key).go({ consistent: true }));
  return data ?? { ...row, ...end, ...times };
}

/** A run whose function died left its row running. Under the lock, no other run can be. */
async function settleInterrupted(ctx: Ctx, name: string): Promise<void> {
  const { data } = await read(() =>
    JobResults.query
      .primary({ scope: "platform", jobName: name })
      .go({ order: "desc", limit: UNSETTLED_LOOKBACK, consistent: true }),
  );
  const end = { status: "failed" as const, errorCode: "internal", errorMessage: "interrupted" };
  for (const row of data.filter(({ status }) => status === "running")) await settle(ctx, row, end);
}

function toJobResult(item: Item): JobResult {
  return {
    id: item.jobResultId as JobResult["id"],
    job: item.jobName,
    trigger: item.trigger,
    startedBy: item.startedBy,
    status: item.status,
    startedAt: item.startedAt,
    endedAt: item.endedAt ?? null,
    durationMs: item.durationMs ?? null,
    summary: item.summary === undefined ? null : JSON.parse(item.summary),
    error: item.errorCode ? { code: item.errorCode, message: item.errorMessage ?? "" } : null,
    requestId: item.requestId,
  };
}
