import { isTerminal } from "@weft/engine/status";
import type { Ctx } from "@weft/kernel/ctx";
import { requireSpace } from "@weft/kernel/ctx";
import type { ExecutionDeps } from "./deps.ts";
import type { ExecutionProgress, ExecutionSummary, NodeTrace } from "./execution.schema.ts";
import { summary } from "./execution.service.ts";
import { getExecution } from "./store.ts";
import { readTrace } from "./trace.ts";

/** How often the rows of an execution are looked at for whoever follows it. */
const LOOK_MS = 500;
/** A stream ends by then, before its function does; the client asks again and is told where things stand. */
const FOLLOW_LIMIT_MS = 240_000;

export type FollowEvent =
  | { event: "execution"; data: ExecutionSummary & { progress: ExecutionProgress } }
  | { event: "node"; data: NodeTrace }
  | { event: "done"; data: ExecutionSummary };

/**
 * What happens to an execution, wherever it is driven: first how things stand, then each root node as its status or its
 * turns change and the execution as its own progress does. Ends with `done` when the execution has, or without it when `signal` aborts or the time
 * for one stream is over. Throws `not_found`.
 */
export async function* follow(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
  signal: AbortSignal,
): AsyncGenerator<FollowEvent> {
  const key = { spaceId: requireSpace(ctx), executionId };
  const told = new Map<string, string>();
  const until = performance.now() + FOLLOW_LIMIT_MS;
  let last = "";
  for (;;) {
    const row = await getExecution(key);
    const { nodes, progress } = await readTrace(deps, row, "root");
    for (const node of nodes) {
      const state = `${node.status} ${node.turns?.done ?? ""}`;
      if (node.status === "pending" || told.get(node.path) === state) continue;
      told.set(node.path, state);
      yield { event: "node", data: node };
    }
    const view = summary(row);
    const state = `${row.status} ${progress.completed} ${progress.percent}`;
    if (state !== last) yield { event: "execution", data: { ...view, progress } };
    last = state;
    if (isTerminal(row.status)) {
      yield { event: "done", data: view };
      return;
    }
    if (signal.aborted || performance.now() >= until) return;
    await pause(LOOK_MS, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
