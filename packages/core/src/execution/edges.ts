import { toAppError } from "@weft/db/errors";
import { read } from "@weft/db/write";
import type { Plan } from "@weft/engine/plan";
import { type SettledEdge, segmentOf, skippedEdges } from "@weft/engine/run/step";
import { EdgeStateEntity } from "./execution.entity.ts";
import type { ExecutionRow } from "./store.ts";

/**
 * Tells the segments that edges lead to, and gives those that are ready and ours to go on with: whoever settles the last
 * edge of a join owns it. A segment that no live edge leads to is skipped here, and its own edges are settled as dead. A
 * repeat settles nothing twice and gives the same segments.
 */
export async function settleEdges(row: ExecutionRow, plan: Plan, edges: readonly SettledEdge[]): Promise<string[]> {
  const ready: string[] = [];
  const queue = groupByTarget(edges);
  for (let head = 0; head < queue.length; head += 1) {
    const [to, group] = queue[head] as [string, SettledEdge[]];
    const target = segmentOf(plan, to);
    const state =
      target.in.length === group.length
        ? group.some((edge) => edge.live)
        : await count(row, target.in.length, to, group);
    if (state === undefined) continue;
    if (state || target.finish) ready.push(to);
    else queue.push(...groupByTarget(skippedEdges(plan, to)));
  }
  return ready;
}

function groupByTarget(edges: readonly SettledEdge[]): [string, SettledEdge[]][] {
  const groups = new Map<string, SettledEdge[]>();
  for (const edge of edges) groups.set(edge.to, [...(groups.get(edge.to) ?? []), edge]);
  return [...groups];
}

/** One counted update. Undefined while others are missing or when another edge was the last. */
async function count(
  row: ExecutionRow,
  degree: number,
  segmentId: string,
  group: readonly SettledEdge[],
): Promise<boolean | undefined> {
  const first = (group[0] as SettledEdge).edgeId;
  const live = group.filter((edge) => edge.live).map((edge) => edge.edgeId);
  const key = { spaceId: row.spaceId, executionId: row.executionId, epoch: row.epoch, segmentId };
  const result = await read(() =>
    EdgeStateEntity.upsert(key)
      .set({ last: first })
      .add({ edges: group.map((edge) => edge.edgeId), ...(live.length > 0 ? { live } : {}) })
      .where((attr, op) => op.notContains(attr.edges, first))
      .go({ response: "all_new", returnOnConditionCheckFailure: "all_old" }),
  );
  const state = (result as { data: { edges?: string[]; live?: string[]; last?: string } | null }).data;
  if (!state) throw toAppError(new Error(`the state of ${segmentId} could not be read`));
  if ((state.edges?.length ?? 0) < degree || state.last !== first) return undefined;
  return (state.live?.length ?? 0) > 0;
}

/** Stores what is known of a join before lanes of a new epoch start. */
export async function seedEdges(row: ExecutionRow, segmentId: string, edges: readonly SettledEdge[]): Promise<void> {
  const live = edges.filter((edge) => edge.live).map((edge) => edge.edgeId);
  await read(() =>
    EdgeStateEntity.put({
      spaceId: row.spaceId,
      executionId: row.executionId,
      epoch: row.epoch,
      segmentId,
      edges: edges.map((edge) => edge.edgeId),
      ...(live.length > 0 ? { live } : {}),
      last: (edges[0] as SettledEdge).edgeId,
    }).go(),
  );
}
