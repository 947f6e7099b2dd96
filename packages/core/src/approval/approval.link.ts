import { expiresIn, isExpired } from "@weft/db/base";
import { read, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace, requireUser } from "@weft/kernel/ctx";
import { AppError, conflict, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import { newSecret, readToken, sameHash } from "../identity/secret.ts";
import { type AnswerDeps, take } from "./approval.answer.ts";
import { ApprovalLinkEntity } from "./approval.entity.ts";
import { requireApprover, requireApproverByLink } from "./approval.people.ts";
import type { AnswerApproval, ApprovalLink } from "./approval.schema.ts";
import { type ApprovalRow, type Ask, askOf, findApproval, getApproval, statusNow } from "./approval.store.ts";

/** A link that somebody asks for; those in mails are good as long as the approval waits. */
const ISSUED_MS = 7 * 86_400_000;

/** A new link of the caller's own. Throws `forbidden` for who is not asked, `conflict` for what waits for no answer of theirs. */
export async function issue(ctx: Ctx, { approvalId }: { approvalId: Id<"approval"> }): Promise<ApprovalLink> {
  const spaceId = requireSpace(ctx);
  const userId = requireUser(ctx);
  const row = await getApproval(spaceId, approvalId);
  await requireApprover(ctx, row, userId);
  const now = ctx.clock.now();
  const status = statusNow(row, now);
  if (status !== "waiting") throw conflict(`the approval is ${status}`);
  if (row.answeredBy && [...row.answeredBy].includes(userId)) throw conflict("you have answered already");
  const approvalLinkId = newId("approvalLink", now);
  const { token, hash } = newSecret("approvalLink", approvalLinkId, [spaceId]);
  const endMs = Math.min(Date.parse(row.endsAt), now + ISSUED_MS);
  const link = { spaceId, approvalLinkId, approvalId, userId, opening: row.opening, secretHash: hash };
  await write(() => ApprovalLinkEntity.create({ ...link, expiresAt: expiresIn(endMs, 0) }).go());
  return { path: `/approvals/${token}`, expiresAt: isoTime(endMs) };
}

/** What a link is for, for the page behind it. */
export interface LinkedApproval {
  row: ApprovalRow;
  ask: Ask;
  userId: string;
}

/**
 * Reads a link, and changes nothing. Whatever is wrong with one (never made, used, over, of somebody who may no longer
 * answer), the error is the same `not_found`.
 */
export async function follow(ctx: Ctx, token: string): Promise<LinkedApproval> {
  const found = readToken("approvalLink", token);
  const [approvalLinkId = "", spaceId = ""] = found?.ids ?? [];
  if (!found) throw unknownLink();
  const { data: link } = await read(() => ApprovalLinkEntity.get({ spaceId, approvalLinkId }).go({ consistent: true }));
  const now = ctx.clock.now();
  if (!link || !sameHash(link.secretHash, found.hash) || isExpired(link, now)) throw unknownLink();
  const { userId, opening, approvalId } = link;
  const row = await findApproval(spaceId, approvalId);
  if (!row || row.opening !== opening || statusNow(row, now) !== "waiting") throw unknownLink();
  if (row.answeredBy && [...row.answeredBy].includes(userId)) throw unknownLink();
  try {
    await requireApproverByLink(row, userId);
  } catch (thrown) {
    throw thrown instanceof AppError && thrown.status < 500 ? unknownLink() : thrown;
  }
  return { row, ask: await askOf(row), userId };
}

/** Answers by a link, in the name of whom it was made for. The link is good for nothing afterwards. */
export async function answerByLink(ctx: Ctx, deps: AnswerDeps, token: string, answer: AnswerApproval): Promise<void> {
  const { row, userId } = await follow(ctx, token);
  await take(deps, row, userId, answer, "link");
}

function unknownLink(): AppError {
  return notFound("approval link");
}
