import { read, tryWrite, tx, type WriteOp } from "@weft/db/write";
import type { Answer } from "@weft/engine/record";
import { EXECUTION_STATUS, isOpen } from "@weft/engine/status";
import { isoTime } from "@weft/kernel/clock";
import type { ExecutionDeps } from "./deps.ts";
import { ExecutionEntity, ExecutionEventEntity } from "./execution.entity.ts";
import { type EventRow, type ExecutionKey, queryAll, TableJournal } from "./journal.ts";
import { storeValue } from "./values.ts";

/** What an execution waits for now. */
export async function pendingEvents(key: ExecutionKey): Promise<EventRow[]> {
  const { spaceId, executionId } = key;
  const rows = await queryAll((cursor) =>
    ExecutionEventEntity.query.primary({ spaceId, executionId }).go({ cursor, consistent: true }),
  );
  return rows.filter((row) => row.status === "pending");
}

/**
 * Stores the answer to a pending event and wakes the lane that waits for it. Returns the event, or null where it was not
 * pending; a repeat of an answer that was stored wakes the lane again, which does no harm.
 */
export async function answerEvent(
  deps: Pick<ExecutionDeps, "machine" | "clock">,
  key: ExecutionKey,
  eventId: string,
  answer: Answer,
  by: string,
): Promise<EventRow | null> {
  const { spaceId, executionId } = key;
  const stored = await storeValue({ spaceId, executionId }, answer);
  const written = await tryWrite(() =>
    ExecutionEventEntity.patch({ spaceId, executionId, eventId })
      .set({ status: "answered", answer: stored, answeredAt: isoTime(deps.clock.now()), answeredBy: by })
      .where((attr, op) => op.eq(attr.status, "pending"))
      .go({ response: "all_new" }),
  );
  const row = written ? (written.data as EventRow) : await findEvent(key, eventId);
  if (row?.token && row.status === "answered") await deps.machine.wake(row.token);
  return written ? row : null;
}

/** The answer to a pending event as an action of a transaction. Whoever writes it calls {@link wakeAnswered} afterwards. */
export async function answerOp(
  { spaceId, executionId }: ExecutionKey,
  eventId: string,
  answer: Answer,
  by: string,
  now: number,
): Promise<WriteOp> {
  const stored = await storeValue({ spaceId, executionId }, answer);
  return tx(ExecutionEventEntity)
    .patch({ spaceId, executionId, eventId })
    .set({ status: "answered", answer: stored, answeredAt: isoTime(now), answeredBy: by })
    .where((attr, op) => op.eq(attr.status, "pending"))
    .commit();
}

const OPEN = EXECUTION_STATUS.filter(isOpen);

/** Refuses a transaction where an execution is over; changes nothing. */
export function openOp({ spaceId, executionId }: ExecutionKey): WriteOp {
  return tx(ExecutionEntity)
    .check({ spaceId, executionId })
    .where((attr, op) => OPEN.map((status) => op.eq(attr.status, status)).join(" OR "))
    .commit();
}

/**
 * Wakes the lanes that wait for what was answered: whoever answered may have died between the answer and the waking. A
 * lane that goes on already takes no harm.
 */
export async function wakeAnswered(deps: Pick<ExecutionDeps, "machine">, key: ExecutionKey): Promise<void> {
  const { spaceId, executionId } = key;
  const rows = await queryAll((cursor) =>
    ExecutionEventEntity.query.primary({ spaceId, executionId }).go({ cursor, consistent: true }),
  );
  const tokens = rows.filter((row) => row.status === "answered").map((row) => row.token);
  for (const token of new Set(tokens)) if (token !== undefined) await deps.machine.wake(token);
}

async function findEvent(key: ExecutionKey, eventId: string): Promise<EventRow | null> {
  const { spaceId, executionId } = key;
  const { data } = await read(() =>
    ExecutionEventEntity.get({ spaceId, executionId, eventId }).go({ consistent: true }),
  );
  return data;
}

/**
 * A lane waits under this token: every pending event of the execution learns it, so that any answer wakes it. Where an
 * answer came first the lane is woken at once. Waking a lane for another lane's answer costs one idle step.
 */
export async function registerToken(
  deps: Pick<ExecutionDeps, "machine" | "clock">,
  key: ExecutionKey,
  epoch: number,
  path: string,
  token: string,
): Promise<void> {
  const journal = new TableJournal(key, epoch, () => deps.clock.now());
  await journal.load();
  await journal.loadEvents();
  const root = path.split(/[./]/, 1)[0] as string;
  if (path.includes("/")) await journal.loadBelow(root);
  const waiting = journal.all().filter((record) => record.status === "waiting" && isUnder(record.path, root));
  let isDue = waiting.length === 0;
  for (const record of waiting) {
    const event = journal.eventOf(record.path);
    if (!event) continue;
    const written = await tryWrite(() =>
      ExecutionEventEntity.patch({ spaceId: key.spaceId, executionId: key.executionId, eventId: event.eventId })
        .set({ token })
        .where((attr, op) => op.eq(attr.status, "pending"))
        .go(),
    );
    if (!written) isDue = true;
  }
  if (isDue) await deps.machine.wake(token);
}

function isUnder(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}.`) || path.startsWith(`${root}/`);
}
