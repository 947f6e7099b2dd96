import { createHash } from "node:crypto";
import { expiresIn } from "@weft/db/base";
import { tryWrite, tx, type WriteOp } from "@weft/db/write";
import { stableStringify } from "@weft/engine/values/json";
import type { EntityItem } from "electrodb";
import { queryAll } from "./journal.ts";
import { RunLeaseEntity } from "./limit.entity.ts";

/** What a limit counts: the runs of a workflow, or those with one value of its key. */
export interface Gate {
  spaceId: string;
  workflowId: string;
  gate: string;
}

export type LeaseRow = EntityItem<typeof RunLeaseEntity>;

/** Who takes a lease: an execution from one epoch on. */
export interface Holder {
  executionId: string;
  epoch: number;
}

/** Beside its deadline an execution holds its lease for as long as one call of a function may still be at work. */
export const LEASE_MARGIN_MS = 15 * 60_000;
const SLOT_DIGITS = 4;
const GATE_LETTERS = 32;

/** The gate of a workflow's runs, of those for which its key gives `value` where it has one. */
export function gateOf(spaceId: string, workflowId: string, value?: unknown): Gate {
  const text = value === undefined ? "" : stableStringify(value);
  const hash = createHash("sha256").update(text).digest("hex");
  return { spaceId, workflowId, gate: hash.slice(0, GATE_LETTERS) };
}

/** Leases that hold now, and which places a new one may take: none where `max` are held. */
export async function readLeases(
  gate: Gate,
  max: number,
  now: number,
): Promise<{ held: LeaseRow[]; free: readonly string[] }> {
  const rows = await queryAll((cursor) => RunLeaseEntity.query.primary(gate).go({ cursor, consistent: true }));
  const held = rows.filter((row) => row.leaseUntil > now);
  const taken = new Set(held.map((row) => row.slot));
  const free: string[] = [];
  // Where `max` was lowered, leases beyond it still count: then fewer places are free than numbers.
  for (let slot = 0; slot < max && free.length < max - held.length; slot += 1) {
    const name = String(slot).padStart(SLOT_DIGITS, "0");
    if (!taken.has(name)) free.push(name);
  }
  return { held, free };
}

/** Takes a place that is free or whose lease has run out. Refused where another was first. */
export function leaseOp(gate: Gate, slot: string, holder: Holder, deadlineMs: number, now: number): WriteOp {
  const leaseUntil = deadlineMs + LEASE_MARGIN_MS;
  const { executionId, epoch } = holder;
  return tx(RunLeaseEntity)
    .put({ ...gate, slot, executionId, epoch, leaseUntil, expiresAt: expiresIn(leaseUntil - now, now) })
    .where((attr, op) => `${op.notExists(attr.executionId)} OR ${op.lte(attr.leaseUntil, now)}`)
    .commit();
}

/** Gives a place up. Does nothing where it is another's by now, or the same execution's of a later epoch. */
export async function releaseLease(gate: Gate, slot: string, holder: Holder): Promise<void> {
  await tryWrite(() =>
    RunLeaseEntity.delete({ ...gate, slot })
      .where((attr, op) => `${op.eq(attr.executionId, holder.executionId)} AND ${op.eq(attr.epoch, holder.epoch)}`)
      .go(),
  );
}
