import { tryTransact, tx } from "@weft/db/write";
import type { Field } from "@weft/engine/plan";
import { readInput } from "@weft/engine/values/input";
import { isoTime } from "@weft/kernel/clock";
import { AppError, conflict, type FieldIssue, invalidField, invalidInput } from "@weft/kernel/errors";
import type { ExecutionDeps } from "../execution/deps.ts";
import { answerOp, openOp, wakeAnswered } from "../execution/events.ts";
import { ApprovalAnswerEntity, ApprovalEntity } from "./approval.entity.ts";
import { type AnswerApproval, type ApprovalAnswer, MAX_FORM_CHARS } from "./approval.schema.ts";
import {
  type AnswerRow,
  type ApprovalRow,
  answersOf,
  askOf,
  getApproval,
  goneAt,
  statusNow,
} from "./approval.store.ts";

/** Answers that come at once change the row one after the other. */
const ATTEMPTS = 10;

export type AnswerDeps = Pick<ExecutionDeps, "machine" | "clock">;

/**
 * Takes in the answer of somebody who may give it. The one that decides is stored in one write with the answer to the
 * execution's event; a repeat after a crash wakes the execution. Throws `conflict` for a second answer and for an approval
 * that is over, `invalid_input` for a comment or a form that is not as asked.
 */
export async function take(
  deps: AnswerDeps,
  given: ApprovalRow,
  userId: string,
  answer: AnswerApproval,
  via: ApprovalAnswer["via"],
): Promise<ApprovalRow> {
  const { spaceId, approvalId } = given;
  const ask = await askOf(given);
  let row = given;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const now = deps.clock.now();
    const before = await answersOf(row);
    if (before.some((one) => one.userId === userId)) throw await answeredAlready(deps, row);
    const status = statusNow(row, now);
    if (status !== "waiting") throw conflict(`the approval is ${status}`);
    const own: AnswerRow = {
      ...{ spaceId, approvalId, userId, via, decision: answer.decision, comment: answer.comment },
      fields: checked(answer, ask),
      answeredAt: isoTime(now),
      expiresAt: goneAt(Date.parse(row.endsAt)),
    };
    const create = tx(ApprovalAnswerEntity).create(own).commit();
    const { change, isFinal } = changeOf(row, own, [...before, own], now);
    const running = openOp(row);
    const ops = isFinal
      ? [
          create,
          change,
          running,
          await answerOp(row, row.eventId, { data: dataOf(own, [...before, own]) }, userId, now),
        ]
      : [create, change, running];
    const refused = await tryTransact(ops);
    if (!refused) {
      if (isFinal) await wakeAnswered(deps, row);
      return getApproval(spaceId, approvalId);
    }
    if (refused === create) throw await answeredAlready(deps, row);
    if (refused === running) throw conflict("the execution that asks is over");
    row = await getApproval(spaceId, approvalId);
  }
  throw conflict("too many answer at once, try again");
}

/** A repeat of an answer whose process died: it counts already, but nobody may have been woken. */
async function answeredAlready(deps: AnswerDeps, row: ApprovalRow): Promise<AppError> {
  await wakeAnswered(deps, row);
  return conflict("you have answered already");
}

function changeOf(row: ApprovalRow, own: AnswerRow, all: readonly AnswerRow[], now: number) {
  const approvals = all.filter(({ decision }) => decision === "approve").length;
  const isFinal = own.decision === "reject" || approvals >= row.required;
  const status = own.decision === "reject" ? ("rejected" as const) : ("approved" as const);
  const end = isFinal ? { status, decidedAt: isoTime(now), decidedBy: own.userId, expiresAt: goneAt(now) } : {};
  const change = tx(ApprovalEntity)
    .patch({ spaceId: row.spaceId, approvalId: row.approvalId })
    .set({ approvals, ...end })
    .add({ revision: 1, answeredBy: [own.userId] })
    .where((attr, op) => `${op.eq(attr.status, "waiting")} AND ${op.eq(attr.revision, row.revision)}`)
    .commit();
  return { change, isFinal };
}

/** What the node is told: the answer that decided, and everybody's. */
function dataOf({ decision, comment, fields, userId, answeredAt }: AnswerRow, all: readonly AnswerRow[]) {
  const answers = all.map((one) => ({
    by: one.userId,
    decision: one.decision,
    comment: one.comment,
    fields: one.fields,
    at: one.answeredAt,
  }));
  return { decision, comment, fields, by: userId, at: answeredAt, answers };
}

/** The form as it is kept. Who rejects leaves it empty. */
function checked(
  { decision, comment, fields: given }: AnswerApproval,
  { needsComment, fields }: { needsComment: boolean; fields: readonly Field[] },
): Record<string, unknown> {
  if (decision === "reject") {
    if (needsComment && comment.trim() === "") throw invalidField("comment", "a rejection needs a comment");
    return {};
  }
  if (JSON.stringify(given).length > MAX_FORM_CHARS) {
    throw new AppError("too_large", `a form has at most ${MAX_FORM_CHARS} characters`);
  }
  const known = new Set(fields.map(({ name }) => name));
  const { values, missing, warnings } = readInput(fields, given);
  const issues: FieldIssue[] = [
    ...Object.keys(given).flatMap((name) =>
      known.has(name) ? [] : [{ path: `fields.${name}`, message: "unknown field" }],
    ),
    ...missing.map((name) => ({ path: `fields.${name}`, message: "is required" })),
    ...warnings.map(({ path, message }) => ({ path: `fields.${path}`, message })),
  ];
  if (issues.length > 0) throw invalidInput(issues);
  return values;
}
