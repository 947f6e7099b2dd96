import { tryTransact } from "@weft/db/write";
import { AppError } from "@weft/kernel/errors";
import { cancelOldest } from "../execution/admission.ts";
import type { ExecutionDeps } from "../execution/deps.ts";
import {
  type Gate,
  gateOf,
  LEASE_MARGIN_MS,
  type LeaseRow,
  leaseOp,
  readLeases,
  releaseLease,
} from "../execution/lease.ts";
import { findExecution, isTerminal } from "../execution/store.ts";
import { MAX_TIMEOUT_SECONDS } from "../workflow/run-policy.schema.ts";
import type { TriggerPolicy } from "./trigger.schema.ts";

/** Tries at a place that others take first. */
const ATTEMPTS = 10;
/** A place is held for as long as any run may last; it is given up as soon as somebody sees that its run is over. */
const HELD_MS = MAX_TIMEOUT_SECONDS * 1000;
/** A place is taken before its run is there; one whose run did not come is free after this long. */
const COMING_MS = 60_000;
/** Runs that triggers start are never of a later epoch when they take their place. */
const EPOCH = 1;

/**
 * Takes one of the places of a trigger for a run that is about to start. Whoever comes next gives up the places of runs
 * that ended, so that nothing has to be done at an end and a crash leaves nothing taken. Throws `rate_limited`.
 */
export async function takePlace(
  deps: ExecutionDeps,
  { spaceId, triggerId, executionId }: { spaceId: string; triggerId: string; executionId: string },
  { max, onLimit }: NonNullable<TriggerPolicy["concurrency"]>,
): Promise<"taken" | "skipped"> {
  const gate = gateOf(spaceId, triggerId);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const now = deps.clock.now();
    const { held, free } = await readLeases(gate, max, now);
    if (held.some((lease) => lease.executionId === executionId)) return "taken";
    const slot = free[Math.floor(Math.random() * free.length)];
    if (slot !== undefined) {
      const refused = await tryTransact([leaseOp(gate, slot, { executionId, epoch: EPOCH }, now + HELD_MS, now)]);
      if (!refused) return "taken";
      continue;
    }
    const left = await Promise.all(held.map((lease) => giveUpEnded(gate, lease, now)));
    if (left.includes(true)) continue;
    if (onLimit === "skip") return "skipped";
    if (onLimit === "reject") break;
    await cancelOldest(deps, gate, held, held.length - max + 1);
  }
  throw new AppError("rate_limited", "as many runs as the trigger allows are under way", { details: { max } });
}

/** Gives back the place of a run that could not be started. */
export async function leavePlace(spaceId: string, triggerId: string, executionId: string): Promise<void> {
  const gate = gateOf(spaceId, triggerId);
  const { held } = await readLeases(gate, 0, 0);
  const lease = held.find((row) => row.executionId === executionId);
  if (lease) await releaseLease(gate, lease.slot, lease);
}

async function giveUpEnded(gate: Gate, lease: LeaseRow, now: number): Promise<boolean> {
  const row = await findExecution(lease);
  const takenAt = lease.leaseUntil - LEASE_MARGIN_MS - HELD_MS;
  const isOver = row ? isTerminal(row.status) : now - takenAt > COMING_MS;
  if (isOver) await releaseLease(gate, lease.slot, lease);
  return isOver;
}
