import { createHash } from "node:crypto";
import { created, expiresIn } from "@weft/db/base";
import { listPage } from "@weft/db/page";
import { read, tryTransact, tryWrite, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace, systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { load, offload } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import type { ExecutionDeps } from "../execution/deps.ts";
import { queryAll } from "../execution/journal.ts";
import type { LaneInput, LaneRoute } from "../execution/machine.ts";
import { findExecution, isTerminal } from "../execution/store.ts";
import { FIRING_SHARDS, type FiredTrigger, FiringEntity, NEVER, TriggerPaceEntity } from "./trigger.entity.ts";
import type { PaceKey } from "./trigger.pace.ts";
import { startRun } from "./trigger.run.ts";
import type { Firing, TriggerPolicy } from "./trigger.schema.ts";
import { CHECK_INTERVAL_MS, START_INTERVAL_MS, startLane, sweepKeys } from "./trigger.sweep.ts";

export type FiringRow = EntityItem<typeof FiringEntity>;

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
/** How long it can be seen what became of a firing. */
const KEEP_MS = 7 * DAY_MS;
/** Tries at joining a firing that others start meanwhile. */
const ATTEMPTS = 10;
/** Looks at the run before, ever rarer: a lane of Step Functions has some 3,000 of them, over ten days. */
const MAX_PAUSE_SECONDS = 300;
interface Start {
  trigger: FiredTrigger;
  input: Record<string, unknown>;
  executionId: Id<"execution">;
  after?: string | undefined;
  system?: Record<string, string> | undefined;
}

/** The firing of a run: one of each id. */
export function firingIdOf(executionId: string): Id<"firing"> {
  return `fir_${executionId.slice(executionId.indexOf("_") + 1)}`;
}

/** Puts a run off until `dueAt`; one that was put off already stays as it is. */
export async function defer(ctx: Ctx, deps: ExecutionDeps, start: Start & { dueAt: number }): Promise<Firing> {
  const row = await firingRow(ctx, start, start.dueAt);
  const written = await tryWrite(() => FiringEntity.create(row).go());
  const firing = written ? (written.data as FiringRow) : await findFiring(row);
  if (!firing) throw new AppError("unavailable", "the start was not stored, try again", { retryable: true });
  if (written) await startLane(deps, firing);
  return toFiring(firing);
}

/** Adds an event to the run that gathers those of its key, or begins one. */
export async function gather(
  ctx: Ctx,
  deps: ExecutionDeps,
  key: PaceKey,
  { periodSeconds, maxSeconds }: NonNullable<TriggerPolicy["debounce"]>,
  start: Start,
): Promise<Firing> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const now = ctx.clock.now();
    const { data: pace } = await read(() => TriggerPaceEntity.get(key).go({ consistent: true }));
    const known = pace?.firingId;
    const joined = known === undefined ? null : await join(ctx, known, start, now + periodSeconds * SECOND_MS);
    if (joined) return toFiring(joined);
    const latest = now + maxSeconds * SECOND_MS;
    const row = await firingRow(ctx, start, now + periodSeconds * SECOND_MS, latest);
    const point = tx(TriggerPaceEntity)
      .put({ ...key, firingId: row.firingId, expiresAt: expiresIn(maxSeconds * SECOND_MS + DAY_MS, now) })
      .where((attr, op) => (known === undefined ? op.notExists(attr.firingId) : op.eq(attr.firingId, known)))
      .commit();
    const refused = await tryTransact([tx(FiringEntity).create(row).commit(), point]);
    if (refused) continue;
    await startLane(deps, row as FiringRow);
    return toFiring(row as FiringRow);
  }
  throw new AppError("unavailable", "too many events at once, try again", { retryable: true });
}

/** Null where the firing was started, or is just being started. */
async function join(ctx: Ctx, firingId: string, { input }: Start, dueAt: number): Promise<FiringRow | null> {
  const spaceId = requireSpace(ctx);
  const row = await findFiring({ spaceId, firingId });
  if (row?.status !== "pending") return null;
  const stored = await store(ctx, firingId, input);
  const due = isoTime(Math.min(dueAt, Date.parse(row.latestAt)));
  const written = await tryWrite(() =>
    FiringEntity.patch({ spaceId, firingId })
      .set({ input: stored, dueAt: due, ...sweepKeys(row, Date.parse(due) + START_INTERVAL_MS) })
      .add({ events: 1, revision: 1 })
      .where((attr, op) => `${op.eq(attr.status, "pending")} AND ${op.notExists(attr.claimedAt)}`)
      .go({ response: "all_new" }),
  );
  return written ? (written.data as FiringRow) : null;
}

async function firingRow(ctx: Ctx, start: Start, dueAt: number, latestAt = dueAt) {
  const { trigger, executionId, after, system } = start;
  const firingId = firingIdOf(executionId);
  const interval = after === undefined ? START_INTERVAL_MS : CHECK_INTERVAL_MS;
  const first = createHash("sha256").update(firingId).digest()[0] ?? 0;
  return {
    spaceId: requireSpace(ctx) as string,
    firingId: firingId as string,
    triggerId: trigger.triggerId,
    trigger,
    executionId: executionId as string,
    status: "pending" as const,
    input: await store(ctx, firingId, start.input),
    dueAt: isoTime(dueAt),
    latestAt: isoTime(latestAt),
    ...(after === undefined ? {} : { after }),
    ...(system ? { system } : {}),
    events: 1,
    sweepShard: String(first % FIRING_SHARDS),
    sweepAt: isoTime(dueAt + interval),
    lanes: 1,
    ...created(ctx),
  };
}

const store = (ctx: Ctx, firingId: string, input: unknown) => offload(ctx, { entity: "firings", id: firingId }, input);

/** One firing; undefined where there is none. */
export async function findFiring(key: { spaceId: string; firingId: string }): Promise<FiringRow | undefined> {
  const { spaceId, firingId } = key;
  const { data } = await read(() => FiringEntity.get({ spaceId, firingId }).go({ consistent: true }));
  return data ?? undefined;
}

/** Whether a run is open, or its start was put off and is still to come. */
export async function isUnderWay(spaceId: string, executionId: string): Promise<boolean> {
  const row = await findExecution({ spaceId, executionId });
  if (row) return !isTerminal(row.status);
  const firing = await findFiring({ spaceId, firingId: firingIdOf(executionId) });
  return firing?.status === "pending";
}

/** One state of a firing's lane: it waits until it is due, then starts the run. Repeats change nothing. */
export async function runFiring(deps: ExecutionDeps, input: LaneInput): Promise<LaneRoute> {
  const done: LaneRoute = { ...input, next: "done" };
  const row = await findFiring({ spaceId: input.spaceId, firingId: input.executionId });
  if (row?.status !== "pending" || row.lanes !== input.epoch) return done;
  const now = deps.clock.now();
  const wait = (until: number): LaneRoute => ({
    ...input,
    hops: input.hops + 1,
    next: "wait",
    until: isoTime(until),
  });
  if (row.claimedAt === undefined) {
    const dueAt = Date.parse(row.dueAt);
    if (dueAt > now) return wait(dueAt);
    if (row.after !== undefined) {
      if (await isUnderWay(row.spaceId, row.after)) {
        return wait(now + Math.min(MAX_PAUSE_SECONDS, 1 + Math.floor(input.hops / 2)) * SECOND_MS);
      }
    }
    // An event may have put it off meanwhile: then this is looked at again.
    if (!(await claim(row, now))) return wait(now);
  }
  await start(deps, row);
  return done;
}

/** From here on no event changes the firing. */
async function claim(row: FiringRow, now: number): Promise<boolean> {
  const written = await tryWrite(() =>
    FiringEntity.patch({ spaceId: row.spaceId, firingId: row.firingId })
      .set({ claimedAt: isoTime(now), ...sweepKeys(row, now + START_INTERVAL_MS) })
      .where((attr, op) => `${op.eq(attr.revision, row.revision)} AND ${op.eq(attr.status, "pending")}`)
      .go(),
  );
  return written !== null;
}

async function start(deps: ExecutionDeps, row: FiringRow): Promise<void> {
  const ctx = systemCtx("trigger", { spaceId: row.spaceId as Id<"space">, clock: deps.clock });
  const executionId = row.executionId as Id<"execution">;
  try {
    const input = (await load(ctx, row.input)) as Record<string, unknown>;
    const given = { input, executionId, mode: "async" as const, system: row.system };
    const fired = await startRun(ctx, deps, row.trigger, given);
    if (fired.status === "skipped") await end(ctx, row, "skipped", { code: "skipped", message: fired.reason });
    else await end(ctx, row, "started", undefined, fired.execution.id);
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.status >= 500) throw thrown;
    deps.log("a deferred run was not started", { firingId: row.firingId, why: thrown.message });
    await end(ctx, row, "failed", { code: thrown.code, message: thrown.message });
  }
}

async function end(
  ctx: Ctx,
  row: FiringRow,
  status: "started" | "skipped" | "failed" | "cancelled",
  error?: { code: string; message: string },
  executionId: string = row.executionId,
): Promise<boolean> {
  const now = ctx.clock.now();
  const written = await tryWrite(() =>
    FiringEntity.patch({ spaceId: row.spaceId, firingId: row.firingId })
      .set({
        status,
        executionId,
        ...(error ? { error } : {}),
        updatedAt: isoTime(now),
        expiresAt: expiresIn(KEEP_MS, now),
        ...sweepKeys(row, NEVER),
      })
      .add({ revision: 1 })
      .where((attr, op) => op.eq(attr.status, "pending"))
      .go(),
  );
  return written !== null;
}

/** Starts of a trigger that were put off, newest first. */
export async function listFirings(
  ctx: Ctx,
  triggerId: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<Firing>> {
  const spaceId = requireSpace(ctx);
  const scope = { operation: "listFirings", spaceId, filters: { triggerId } };
  const page = await listPage(FiringEntity.query.byTrigger({ spaceId, triggerId }), { scope, ...query });
  return { items: (page.items as FiringRow[]).map(toFiring), nextCursor: page.nextCursor };
}

/** Drops the start of a run that was put off and did not begin; does nothing where there is none. */
export async function cancelFiring(ctx: Ctx, executionId: string): Promise<void> {
  const row = await findFiring({ spaceId: requireSpace(ctx), firingId: firingIdOf(executionId) });
  if (row?.status === "pending") await end(ctx, row, "cancelled");
}

/** Drops the starts that a trigger put off and that did not begin: it is deleted or stopped. */
export async function cancelFirings(ctx: Ctx, triggerId: string): Promise<void> {
  const spaceId = requireSpace(ctx);
  const rows = await queryAll((cursor) =>
    FiringEntity.query
      .byTrigger({ spaceId, triggerId })
      .where((attr, op) => op.eq(attr.status, "pending"))
      .go({ cursor }),
  );
  for (const row of rows) await end(ctx, row, "cancelled");
}

/** The API's form of a row. */
export function toFiring(row: FiringRow): Firing {
  return {
    id: row.firingId as Id<"firing">,
    triggerId: row.triggerId,
    workflowId: row.trigger.workflowId as Id<"workflow">,
    status: row.status,
    dueAt: row.dueAt,
    executionId: row.executionId as Id<"execution">,
    events: row.events,
    error: row.error ?? null,
    createdAt: row.createdAt,
  };
}
