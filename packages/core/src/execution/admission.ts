import { requireRate } from "@weft/db/rate-limit";
import { tryTransact, type WriteOp } from "@weft/db/write";
import { evaluateExpression } from "@weft/engine/expressions/evaluate";
import { stableStringify } from "@weft/engine/values/json";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, messageOf } from "@weft/kernel/errors";
import type { Concurrency, GivenDedupe, RunPolicy } from "../workflow/run-policy.schema.ts";
import { type DedupeKey, dedupeKey, knownExecution, rememberOp } from "./dedupe.ts";
import type { ExecutionDeps } from "./deps.ts";
import { type Gate, gateOf, type Holder, type LeaseRow, leaseOp, readLeases, releaseLease } from "./lease.ts";
import { countWaiting, isAnyoneWaiting, lineOf, startNext, waitOp } from "./queue.ts";
import { STALE_MS } from "./run-io.ts";
import { cancelled, settle } from "./settle.ts";
import {
  CHECK_INTERVAL_MS,
  createExecution,
  createOp,
  createSkipped,
  type ExecutionRow,
  executionRow,
  type FreshRow,
  findExecution,
  getExecution,
  isTerminal,
  materialOf,
  type NewExecution,
  type Place,
  placedRow,
  reopen,
  reopenOp,
} from "./store.ts";

/** Tries at a place that others take first. */
const ATTEMPTS = 10;

/** What a workflow's settings and a request say of whether and when a run starts. */
export interface Limits {
  policy: Pick<RunPolicy, "concurrency" | "rateLimit" | "dedupe">;
  /** The caller's own key, in place of the one that the settings compute. */
  dedupe?: GivenDedupe;
  /** What has to be there before the execution is; not done for one that is refused. */
  prepare?(): Promise<void>;
}

/** An execution, and whether it is for the caller to start it now: otherwise it waits, is started or is skipped. */
export interface AdmittedRun {
  row: ExecutionRow;
  isToStart: boolean;
}

/** What came of a request to run, or the execution that it is a repeat of. */
export type Admitted = AdmittedRun | { existing: string };

/**
 * Creates the execution of a run as far as its workflow's limits allow: together with its lease, its place in the line
 * or its key, all or nothing. Throws `rate_limited` before anything is written, and `unprocessable` where a key cannot
 * be computed from the input. A workflow without limits costs no more than its row.
 */
export async function admit(ctx: Ctx, deps: ExecutionDeps, limits: Limits, given: NewExecution): Promise<Admitted> {
  const spaceId = requireSpace(ctx);
  const { executionId, workflowId, input } = given;
  const { concurrency, rateLimit } = limits.policy;
  const existing = { existing: executionId };
  if (!concurrency && !rateLimit && !limits.dedupe && !limits.policy.dedupe) {
    await limits.prepare?.();
    const row = await createExecution(ctx, spaceId, given);
    return row ? { row, isToStart: true } : existing;
  }
  const now = ctx.clock.now();
  const dedupe = await keyOf(spaceId, limits, given, now);
  const repeated = async (): Promise<string | undefined> => {
    const known = dedupe ? await knownExecution(dedupe, now) : undefined;
    return known ?? (await findExecution({ spaceId, executionId }))?.executionId;
  };
  // A repeat takes nothing of any limit.
  const known = await repeated();
  if (known !== undefined) return { existing: known };
  const value = await keyValue("concurrency", concurrency?.key, input, now);
  if (rateLimit) {
    const { limit, windowSeconds } = rateLimit;
    const rule = { scope: spaceId, name: "workflow:run", subject: workflowId, limit };
    await requireRate(ctx.clock, { ...rule, windowMs: windowSeconds * 1000 });
  }
  let fresh: FreshRow | undefined;
  let row: ExecutionRow | undefined;
  const writes = async (at?: Place): Promise<WriteOp[]> => {
    if (!fresh) {
      await limits.prepare?.();
      fresh = await executionRow(ctx, spaceId, given);
    }
    row = at ? placedRow(fresh, now, at) : fresh;
    return [createOp(row), ...(dedupe ? [rememberOp(dedupe, executionId, now)] : [])];
  };
  if (!concurrency) {
    const refused = await tryTransact(await writes());
    return refused ? { existing: (await repeated()) ?? executionId } : { row: row as ExecutionRow, isToStart: true };
  }
  const gate = gateOf(spaceId, workflowId, value);
  const outcome = await enter(deps, gate, concurrency, {
    holder: { executionId, epoch: 1 },
    priority: given.priority ?? 0,
    allowedMs: given.deadlineMs - now,
    writes,
    isRepeat: async () => (await repeated()) !== undefined,
  });
  if (outcome === "refused") return { existing: (await repeated()) ?? executionId };
  if (outcome === "skipped") {
    const skipped = await createSkipped(ctx, spaceId, given);
    return skipped ? { row: skipped, isToStart: false } : existing;
  }
  return outcome === "entered"
    ? { row: row as ExecutionRow, isToStart: true }
    : inLine(deps, gate, { spaceId, executionId });
}

/** A place may have become free while a run joined the line: then nobody else tells it. */
async function inLine(
  deps: ExecutionDeps,
  gate: Gate,
  key: { spaceId: string; executionId: string },
): Promise<AdmittedRun> {
  await startNext(deps, gate);
  return { row: await getExecution(key), isToStart: false };
}

/**
 * Opens an ended execution again as far as its workflow's limits allow now. Null where it was changed meanwhile; throws
 * `rate_limited` where it may not even wait.
 */
export async function readmit(ctx: Ctx, deps: ExecutionDeps, row: ExecutionRow): Promise<AdmittedRun | null> {
  const now = ctx.clock.now();
  const { spaceId, workflowId, executionId, admission, allowedMs } = row;
  if (admission && "slot" in admission) {
    const { gate, slot, epoch } = admission;
    await releaseLease({ spaceId, workflowId, gate }, slot, { executionId, epoch });
  }
  const { concurrency } = await deps.limits({ spaceId, workflowId });
  if (!concurrency) {
    const opened = await reopen(row, now, isoTime(now + allowedMs), CHECK_INTERVAL_MS);
    return opened && { row: opened, isToStart: true };
  }
  const { input } = await materialOf(row);
  const gate = gateOf(spaceId, workflowId, await keyValue("concurrency", concurrency.key, input, now));
  const outcome = await enter(deps, gate, concurrency, {
    holder: { executionId, epoch: row.epoch + 1 },
    priority: row.priority ?? 0,
    allowedMs,
    writes: async (at) => [reopenOp(row, now, at)],
    isRepeat: async () => false,
  });
  if (outcome === "skipped") throw limitReached(concurrency);
  if (outcome === "refused") return null;
  return outcome === "entered" ? { row: await getExecution(row), isToStart: true } : inLine(deps, gate, row);
}

interface Entry {
  holder: Holder;
  priority: number;
  /** How long it may last once it is let in. */
  allowedMs: number;
  /** What is written together with the place; refused where the run is there already. */
  writes(at: Place): Promise<WriteOp[]>;
  /** Whether the run is there already, under this id or by its key. */
  isRepeat(): Promise<boolean>;
}

/** refused: the run itself could not be written, since it is there already or was changed. */
type Entered = "entered" | "waits" | "skipped" | "refused";

/** Finds a place for a run and takes it, or a place in the line. Throws `rate_limited`. */
async function enter(deps: ExecutionDeps, gate: Gate, concurrency: Concurrency, entry: Entry): Promise<Entered> {
  const { onLimit, max } = concurrency;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const now = deps.clock.now();
    const [{ held, free }, isLine] = await Promise.all([
      readLeases(gate, max, now),
      onLimit === "queue" ? isAnyoneWaiting(gate) : false,
    ]);
    // Whoever comes later does not pass by those who wait.
    const slot = isLine ? undefined : free[Math.floor(Math.random() * free.length)];
    if (slot !== undefined) {
      const deadlineMs = now + entry.allowedMs;
      const at = { admission: { gate: gate.gate, slot, epoch: entry.holder.epoch }, deadlineMs };
      const lease = leaseOp(gate, slot, entry.holder, deadlineMs, now);
      const refused = await tryTransact([...(await entry.writes(at)), lease]);
      if (refused !== lease) return refused ? "refused" : "entered";
      continue;
    }
    if (onLimit === "queue") break;
    // Of repeats at once the first one takes the place, and the others are no further runs.
    if (await entry.isRepeat()) return "refused";
    if (onLimit !== "cancel_previous") break;
    await cancelOldest(deps, gate, held, held.length - max + 1);
  }
  if (onLimit === "queue") return joinLine(gate, concurrency, entry, deps.clock.now());
  if (onLimit === "skip") return "skipped";
  throw limitReached(concurrency);
}

function limitReached({ max }: Concurrency): AppError {
  return new AppError("rate_limited", "as many runs as the workflow allows are under way", { details: { max } });
}

async function joinLine(gate: Gate, concurrency: Concurrency, entry: Entry, now: number): Promise<Entered> {
  const { maxQueued, queueTtlSeconds } = concurrency;
  if (maxQueued === 0 || (await countWaiting(gate, maxQueued)) >= maxQueued) {
    if (await entry.isRepeat()) return "refused";
    throw new AppError("rate_limited", "as many runs as the workflow allows wait already", { details: { maxQueued } });
  }
  const line = lineOf(entry.priority, now);
  const queuedUntilMs = now + queueTtlSeconds * 1000;
  const at = { admission: { gate: gate.gate, ...line }, queuedUntilMs, deadlineMs: queuedUntilMs + entry.allowedMs };
  const refused = await tryTransact([
    ...(await entry.writes(at)),
    waitOp(gate, line, entry.holder.executionId, queuedUntilMs, now),
  ]);
  return refused ? "refused" : "waits";
}

/** Ends the oldest runs of a gate, so that so many places become free; nothing more of them starts when this returns. */
export async function cancelOldest(
  deps: ExecutionDeps,
  gate: Gate,
  held: readonly LeaseRow[],
  count: number,
): Promise<void> {
  const oldest = held.toSorted((a, b) => (a.executionId < b.executionId ? -1 : 1)).slice(0, count);
  for (const lease of oldest) {
    const row = await findExecution(lease);
    if (row && !isTerminal(row.status)) await settle(deps, row, cancelled("a later run took its place"));
    // Whoever ended it may not have come to give its place up.
    else await releaseLease(gate, lease.slot, lease);
  }
  await new Promise((resolve) => setTimeout(resolve, STALE_MS));
}

async function keyOf(
  spaceId: string,
  limits: Limits,
  given: NewExecution,
  now: number,
): Promise<DedupeKey | undefined> {
  const { dedupe } = limits;
  if (dedupe) return dedupeKey(spaceId, given.workflowId, "given", dedupe.key, dedupe.ttlSeconds);
  const computed = limits.policy.dedupe;
  // A draft is run again to see what changed.
  if (!computed || given.version === undefined) return undefined;
  const value = await keyValue("dedupe", computed.key, given.input, now);
  // Input without a key is no repeat of other input without one.
  if (value === null) return undefined;
  return dedupeKey(spaceId, given.workflowId, "computed", stableStringify(value), computed.ttlSeconds);
}

async function keyValue(
  what: "concurrency" | "dedupe",
  text: string | undefined,
  input: Record<string, unknown>,
  now: number,
): Promise<unknown> {
  if (text === undefined) return undefined;
  try {
    return await evaluateExpression("jsonata", text, input, now);
  } catch (thrown) {
    const message = `settings.${what}.key gives no value for this input: ${messageOf(thrown)}`;
    throw new AppError("unprocessable", message, { cause: thrown });
  }
}
