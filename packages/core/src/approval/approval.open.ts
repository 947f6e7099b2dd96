import { expiresIn } from "@weft/db/base";
import { read, tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { derivedId, type Id } from "@weft/kernel/ids";
import type { ExecutionDeps } from "../execution/deps.ts";
import { answerEvent } from "../execution/events.ts";
import type { EventRow } from "../execution/journal.ts";
import type { ExecutionRow } from "../execution/store.ts";
import { loadValue } from "../execution/values.ts";
import type { Mailer } from "../identity/mailer.ts";
import { newSecret } from "../identity/secret.ts";
import { ApprovalEntity, ApprovalLinkEntity } from "./approval.entity.ts";
import { approvalMail } from "./approval.mail.ts";
import { recipients, resolveApprovers } from "./approval.people.ts";
import { type ApprovalRow, type Ask, approvalIdOf, findApproval, statusNow } from "./approval.store.ts";

/** Tries to send one mail: an address that takes none must not keep the execution from waiting. */
const MAX_MAIL_TRIES = 3;

export interface OpenDeps extends Pick<ExecutionDeps, "machine" | "clock" | "log"> {
  mailer: Mailer;
  /** Where people reach the API; without it mails say what is asked and hold no link. */
  publicUrl?: string | undefined;
}

/**
 * Opens the approval that an event asks for, and writes to who is asked. A repeat makes no second row and sends no second
 * mail; one after a crash does the rest. An approval that nobody could give ends the wait with an error instead.
 */
export async function open(deps: OpenDeps, execution: ExecutionRow, event: EventRow): Promise<void> {
  if (event.status !== "pending" || !event.data) return;
  const known = await findApproval(execution.spaceId, approvalIdOf(event.eventId));
  if (known?.status === "waiting" && known.notifiedAt !== undefined) return;
  const ask = (await loadValue(execution, event.data)) as Ask;
  const row = known ? await openAgain(deps, known, execution) : await create(deps, execution, event, ask);
  if (row) await notify(deps, row, ask);
}

async function create(deps: OpenDeps, execution: ExecutionRow, event: EventRow, ask: Ask): Promise<ApprovalRow | null> {
  const { spaceId, executionId, workflowId } = execution;
  const { eventId, path, nodeId, timeoutAt, data } = event;
  const { userIds, roles, unknown } = await resolveApprovers(spaceId, ask.approvers);
  const problem = problemOf({ userIds, roles, unknown }, ask);
  if (problem) {
    await answerEvent(deps, execution, eventId, { error: problem }, "system");
    return null;
  }
  const now = deps.clock.now();
  const row = {
    ...{ spaceId, approvalId: approvalIdOf(eventId), executionId, eventId, workflowId, nodeId, path },
    ...{ title: ask.title, ask: data as NonNullable<typeof data>, status: "waiting" as const },
    ...{ userIds, roles, required: ask.required, approvals: 0, opening: 1 },
    endsAt: timeoutAt ?? execution.deadlineAt,
    ...(timeoutAt === undefined ? {} : { timeoutAt }),
    revision: 1,
    createdAt: isoTime(now),
  };
  const written = await tryWrite(() => ApprovalEntity.create(row).go());
  return written ? (written.data as ApprovalRow) : findApproval(spaceId, row.approvalId);
}

function problemOf(
  { userIds, roles, unknown }: { userIds: readonly string[]; roles: readonly string[]; unknown?: string | undefined },
  { required, approvers }: Ask,
): { code: string; message: string } | undefined {
  if (unknown !== undefined) {
    return { code: "unknown_approver", message: `${unknown} is neither a role nor a member of the space` };
  }
  if (approvers.length === 0 || roles.length > 0 || userIds.length >= required) return undefined;
  const message = `${required} have to approve, and ${userIds.length} are asked`;
  return { code: "too_few_approvers", message };
}

/** The execution ended while this waited, and goes on now: whoever has answered has, and links are new. */
async function openAgain(deps: OpenDeps, row: ApprovalRow, execution: ExecutionRow): Promise<ApprovalRow | null> {
  if (row.status === "waiting") return row;
  if (row.status !== "cancelled" || statusNow({ ...row, status: "waiting" }, deps.clock.now()) !== "waiting")
    return null;
  const written = await tryWrite(() =>
    ApprovalEntity.patch({ spaceId: row.spaceId, approvalId: row.approvalId })
      .set({ status: "waiting", endsAt: row.timeoutAt ?? execution.deadlineAt })
      .add({ opening: 1, revision: 1 })
      .remove(["notifiedAt", "expiresAt", "decidedAt"])
      .where((attr, op) => `${op.eq(attr.status, "cancelled")} AND ${op.eq(attr.revision, row.revision)}`)
      .go({ response: "all_new" }),
  );
  return written ? (written.data as ApprovalRow) : null;
}

async function notify(deps: OpenDeps, row: ApprovalRow, ask: Ask): Promise<void> {
  const answered = row.answeredBy ?? new Set<string>();
  let failure: unknown;
  if (ask.notify === "email") {
    for (const [userId, to] of await recipients(row.spaceId, row)) {
      if ([...answered].includes(userId)) continue;
      try {
        await write(deps, row, ask, { userId, to });
      } catch (thrown) {
        failure = thrown;
      }
    }
  }
  // Whoever asked asks again.
  if (failure !== undefined) throw failure;
  const { spaceId, approvalId, opening } = row;
  await tryWrite(() =>
    ApprovalEntity.patch({ spaceId, approvalId })
      .set({ notifiedAt: isoTime(deps.clock.now()) })
      .where((attr, op) => op.eq(attr.opening, opening))
      .go(),
  );
}

/** Sends one mail once. A repeat before it is known to be sent makes the link anew: only its hash was kept. */
async function write(
  deps: OpenDeps,
  row: ApprovalRow,
  ask: Ask,
  { userId, to }: { userId: string; to: string },
): Promise<void> {
  const { spaceId, approvalId, opening } = row;
  const derived = derivedId<"approval">(approvalId, `mail:${opening}:${userId}`);
  const approvalLinkId: Id<"approvalLink"> = `apl_${derived.slice(derived.indexOf("_") + 1)}`;
  const { data: known } = await read(() =>
    ApprovalLinkEntity.get({ spaceId, approvalLinkId }).go({ consistent: true }),
  );
  const tries = (known?.tries ?? 0) + 1;
  if (known?.sentAt !== undefined || tries > MAX_MAIL_TRIES) return;
  const { token, hash } = newSecret("approvalLink", approvalLinkId, [spaceId]);
  const expiresAt = expiresIn(Date.parse(row.endsAt), 0);
  const link = { spaceId, approvalLinkId, approvalId, userId, opening, secretHash: hash, tries, expiresAt };
  await tryWrite(() => ApprovalLinkEntity.put(link).go());
  const url = deps.publicUrl === undefined ? undefined : `${deps.publicUrl.replace(/\/+$/, "")}/approvals/${token}`;
  try {
    await deps.mailer.send(approvalMail(to, row, ask, url));
  } catch (thrown) {
    deps.log("a mail about an approval was not sent", { approvalId, userId, tries, cause: String(thrown) });
    if (tries < MAX_MAIL_TRIES) throw thrown;
    return;
  }
  const sentAt = isoTime(deps.clock.now());
  await tryWrite(() => ApprovalLinkEntity.patch({ spaceId, approvalLinkId }).set({ sentAt }).go());
}
