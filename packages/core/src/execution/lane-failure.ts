import type { EndDeps } from "./deps.ts";
import { fail } from "./settle.ts";
import { findExecution, isOurs } from "./store.ts";

/**
 * A lane ended without its execution's doing: its retries ran out, or somebody stopped it. The execution fails, unless it
 * is over or goes on in a later epoch. Returns whether this call ended it.
 */
export async function failLane(
  deps: EndDeps,
  lane: { spaceId: string; executionId: string; epoch: number },
  reason: string,
): Promise<boolean> {
  const row = await findExecution(lane);
  if (!isOurs(row, lane.epoch)) return false;
  return fail(deps, row, { code: "internal", message: `a part of the execution could not be run (${reason})` });
}
