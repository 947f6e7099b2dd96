import { keptFrom } from "@weft/engine/partial";
import type { Plan } from "@weft/engine/plan";
import type { ExecutionDeps } from "./deps.ts";
import { CursorEntity, ExecutionEventEntity } from "./execution.entity.ts";
import { queryAll, TableJournal } from "./journal.ts";
import { setupOf } from "./part.ts";
import { keepRecords } from "./recover.ts";
import { type ExecutionRow, findExecution, isTerminal } from "./store.ts";
import { storedRecords } from "./trace.ts";
import { loadValue } from "./values.ts";

/**
 * Gives an execution that is about to be made what another one of the same plan had done, as far as `keep` says. What is
 * inside of a composite that ended stays behind: nobody asks for it again. A repeat gives the same.
 */
export async function forkRecords(
  deps: Pick<ExecutionDeps, "clock">,
  source: ExecutionRow,
  executionId: string,
  plan: Plan,
  keep: (path: string) => boolean,
): Promise<void> {
  const target = { spaceId: source.spaceId, executionId, epoch: 1 };
  const records = await storedRecords(source);
  const kept = records.filter(({ status, path }) => status === "succeeded" && keep(path));
  const ended = new Set(kept.map(({ path }) => path));
  const isInside = (path: string): boolean => path.includes("/") && ended.has(path.split(/[./]/, 1)[0] as string);
  const open = kept.filter(({ path }) => !isInside(path)).map((record) => ({ ...record, reused: true as const }));
  await keepRecords(deps, target, plan, open);
  const journal = new TableJournal(target, target.epoch, () => deps.clock.now());
  for (const { path, state, turns } of await cursorsOf(source)) {
    if (keep(path) && !ended.has(path) && !isInside(path))
      await journal.saveCursor(path, await loadValue(source, state), turns);
  }
}

function cursorsOf({ spaceId, executionId }: ExecutionRow) {
  return queryAll((cursor) => CursorEntity.query.primary({ spaceId, executionId }).go({ cursor, consistent: true }));
}

/**
 * The execution of a workflow that was called at this path before, by the execution that the caller was made from, and
 * did not come to its end. Undefined where there is none, and where the caller was to do that call anew.
 */
export async function endedCall(
  deps: ExecutionDeps,
  caller: ExecutionRow,
  path: string,
): Promise<ExecutionRow | undefined> {
  const { spaceId, replayOf } = caller;
  if (!replayOf?.isRetry) return undefined;
  const { plan } = await setupOf(deps, caller);
  if (replayOf.from !== undefined && !keptFrom(plan, replayOf.from)?.(path)) return undefined;
  const key = { spaceId, executionId: replayOf.executionId };
  const events = await queryAll((cursor) => ExecutionEventEntity.query.primary(key).go({ cursor, consistent: true }));
  const call = events.findLast((event) => event.path === path && event.childExecutionId !== undefined);
  const child = call?.childExecutionId && (await findExecution({ spaceId, executionId: call.childExecutionId }));
  return child && isTerminal(child.status) && child.status !== "succeeded" ? child : undefined;
}
