import { expiresIn } from "@weft/db/base";
import { read } from "@weft/db/write";
import type { Field } from "@weft/engine/plan";
import { systemCtx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import { derivedId, type Id } from "@weft/kernel/ids";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { ApprovalAnswerEntity, ApprovalEntity } from "./approval.entity.ts";
import type { ApprovalStatus } from "./approval.schema.ts";

export type ApprovalRow = EntityItem<typeof ApprovalEntity>;
export type AnswerRow = EntityItem<typeof ApprovalAnswerEntity>;

const DAY_MS = 86_400_000;
/** Approvals are kept this long after they are over, as executions are. */
const RETENTION_MS = 90 * DAY_MS;

/** What the node asks, as its event carries it. */
export interface Ask {
  title: string;
  message: string;
  fields: Field[];
  approvers: string[];
  required: number;
  notify: "email" | "none";
  needsComment: boolean;
}

/** The approval of an event: the same whenever it is asked for. */
export function approvalIdOf(eventId: string): Id<"approval"> {
  const derived = derivedId<"executionEvent">(eventId, "approval");
  return `apv_${derived.slice(derived.indexOf("_") + 1)}`;
}

export async function findApproval(spaceId: string, approvalId: string): Promise<ApprovalRow | null> {
  const { data } = await read(() => ApprovalEntity.get({ spaceId, approvalId }).go({ consistent: true }));
  return data;
}

/** Throws `not_found`. */
export async function getApproval(spaceId: string, approvalId: string): Promise<ApprovalRow> {
  const row = await findApproval(spaceId, approvalId);
  if (!row) throw notFound("approval", approvalId);
  return row;
}

/** Everybody's answers, in the order in which they came. */
export async function answersOf({ spaceId, approvalId }: ApprovalRow): Promise<AnswerRow[]> {
  const { data } = await read(() =>
    ApprovalAnswerEntity.query.primary({ spaceId, approvalId }).go({ pages: "all", consistent: true }),
  );
  return data.toSorted((a, b) => (a.answeredAt < b.answeredAt ? -1 : 1));
}

export async function askOf({ spaceId, ask }: Pick<ApprovalRow, "spaceId" | "ask">): Promise<Ask> {
  return (await load(systemCtx("approval", { spaceId: spaceId as Id<"space"> }), ask)) as Ask;
}

/** When the rows of an approval go that is over at this time. */
export function goneAt(endMs: number): number {
  return expiresIn(RETENTION_MS, endMs);
}

/** How it stands now: the time may have run out without anybody having noted it. */
export function statusNow({ status, timeoutAt }: ApprovalRow, now: number): ApprovalStatus {
  const isLate = status === "waiting" && timeoutAt !== undefined && now >= Date.parse(timeoutAt);
  return isLate ? "timed_out" : status;
}
