import { tryWrite } from "@weft/db/write";
import { APPROVAL_EVENT } from "@weft/engine/record";
import { isoTime } from "@weft/kernel/clock";
import type { ExecutionDeps } from "../execution/deps.ts";
import { pendingEvents } from "../execution/events.ts";
import type { ExecutionRow } from "../execution/store.ts";
import { ApprovalEntity } from "./approval.entity.ts";
import { approvalIdOf, findApproval, goneAt, statusNow } from "./approval.store.ts";

/** Closes what an execution that ended still asked people: nobody may answer it any more. Does no harm when it is repeated. */
export async function close(deps: Pick<ExecutionDeps, "clock">, execution: ExecutionRow): Promise<void> {
  if (!execution.hasApprovals) return;
  const { spaceId } = execution;
  const asked = (await pendingEvents(execution)).filter(({ type }) => type === APPROVAL_EVENT);
  for (const { eventId } of asked) {
    const row = await findApproval(spaceId, approvalIdOf(eventId));
    if (row?.status !== "waiting") continue;
    const now = deps.clock.now();
    const status = statusNow(row, now) === "timed_out" ? ("timed_out" as const) : ("cancelled" as const);
    await tryWrite(() =>
      ApprovalEntity.patch({ spaceId, approvalId: row.approvalId })
        .set({ status, decidedAt: isoTime(now), expiresAt: goneAt(now) })
        .add({ revision: 1 })
        .where((attr, op) => `${op.eq(attr.status, "waiting")} AND ${op.eq(attr.opening, row.opening)}`)
        .go(),
    );
  }
}
