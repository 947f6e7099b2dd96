import { listPage } from "@weft/db/page";
import { type Ctx, requireSpace, requireUser } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { roleIn } from "../identity/member.service.ts";
import type { SpaceRole } from "../identity/permissions.ts";
import { type AnswerDeps, take } from "./approval.answer.ts";
import { ApprovalEntity } from "./approval.entity.ts";
import { isAmong, requireApprover } from "./approval.people.ts";
import type { AnswerApproval, Approval, ApprovalStatus, ApprovalSummary, ListApprovals } from "./approval.schema.ts";
import { type ApprovalRow, answersOf, askOf, getApproval, statusNow } from "./approval.store.ts";

interface Caller {
  userId: string;
  role: SpaceRole | undefined;
  now: number;
}

async function callerOf(ctx: Ctx): Promise<Caller> {
  const userId = requireUser(ctx);
  return { userId, role: await roleIn(requireSpace(ctx), userId), now: ctx.clock.now() };
}

/** Approvals of the space, or those that the caller is asked, newest first. */
export async function list(ctx: Ctx, query: ListApprovals): Promise<Page<ApprovalSummary>> {
  const spaceId = requireSpace(ctx);
  const { status, scope: whose, limit, cursor } = query;
  const caller = await callerOf(ctx);
  const isWanted = (row: ApprovalRow): boolean => {
    if (status !== undefined && statusNow(row, caller.now) !== status) return false;
    if (whose === "all") return true;
    return status === "waiting" ? isMine(row, caller) : isAmong(row, caller.userId, caller.role);
  };
  const rows =
    status === "waiting"
      ? ApprovalEntity.query.byStatus({ spaceId, status })
      : ApprovalEntity.query.bySpace({ spaceId });
  const scope = { operation: "listApprovals", spaceId, filters: { status, whose, userId: caller.userId } };
  const page = await listPage(rows, { scope, limit, cursor, keep: isWanted });
  return { items: page.items.map((row) => summary(row, caller)), nextCursor: page.nextCursor };
}

/** Throws `not_found`. */
export async function get(ctx: Ctx, { approvalId }: { approvalId: Id<"approval"> }): Promise<Approval> {
  return view(await getApproval(requireSpace(ctx), approvalId), await callerOf(ctx));
}

/** The caller's answer. Throws `forbidden` where the caller is not asked, and what {@link take} throws. */
export async function answer(
  ctx: Ctx,
  deps: AnswerDeps,
  { approvalId, ...given }: AnswerApproval & { approvalId: Id<"approval"> },
): Promise<Approval> {
  const row = await getApproval(requireSpace(ctx), approvalId);
  const caller = await callerOf(ctx);
  await requireApprover(ctx, row, caller.userId);
  return view(await take(deps, row, caller.userId, given, "api"), caller);
}

function isMine(row: ApprovalRow, { userId, role, now }: Caller): boolean {
  const hasAnswered = row.answeredBy !== undefined && [...row.answeredBy].includes(userId);
  return statusNow(row, now) === "waiting" && !hasAnswered && isAmong(row, userId, role);
}

function summary(row: ApprovalRow, caller: Caller): ApprovalSummary {
  return {
    id: row.approvalId as Id<"approval">,
    executionId: row.executionId as Id<"execution">,
    workflowId: row.workflowId as Id<"workflow">,
    nodeId: row.nodeId,
    path: row.path,
    title: row.title,
    status: statusNow(row, caller.now) satisfies ApprovalStatus,
    required: row.required,
    approvals: row.approvals,
    approvers: { userIds: [...row.userIds], roles: [...row.roles] },
    isMine: isMine(row, caller),
    timeoutAt: row.timeoutAt ?? null,
    createdAt: row.createdAt,
    decidedAt: row.decidedAt ?? null,
    decidedBy: row.decidedBy ?? null,
  };
}

async function view(row: ApprovalRow, caller: Caller): Promise<Approval> {
  const [{ message, needsComment, fields }, answers] = await Promise.all([askOf(row), answersOf(row)]);
  return {
    ...summary(row, caller),
    message,
    needsComment,
    fields,
    answers: answers.map(({ userId, decision, comment, fields: given, answeredAt, via }) => {
      return { userId, decision, comment, fields: given, answeredAt, via };
    }),
  };
}
