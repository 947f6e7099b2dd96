import type { Execution, NodeTrace } from "@weft/core/execution/execution.schema";
import type { Api } from "./api.ts";
import { bar, duration, endBar, line, paint } from "./terminal.ts";

const POLL_MS = 300;
/** Far beyond what the run takes on a slow machine; a run that hangs must not hang the demo. */
const LIMIT_MS = 10 * 60_000;
const ENDED: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled", "timed_out"]);
const MARKS: Record<string, string> = {
  succeeded: paint("green", "✓"),
  skipped: paint("dim", "-"),
  failed: paint("red", "✗"),
  cancelled: paint("yellow", "✗"),
};

/** A node's line: its status, how deep it is inside loops and batches, how long it took and how often it was tried. */
function show(node: NodeTrace): void {
  const turn = node.path.includes("/") ? `  ${node.path.split("/").slice(0, -1).join(" ")} · ` : "";
  const { id, family } = (node.input ?? {}) as { id?: string; family?: string };
  const about = turn === "" ? "" : ` ${id ?? family ?? ""}`;
  const tries = node.attempts > 1 ? paint("yellow", `  ${node.attempts} tries`) : "";
  const name = `${turn}${node.title}${about}`.padEnd(54);
  const error = node.error ? paint("red", `  ${node.error.message}`) : "";
  const status = node.status.padEnd(9);
  line(`  ${MARKS[node.status] ?? " "} ${name} ${status} ${duration(node.durationMs).padStart(8)}${tries}${error}`);
}

/**
 * Follows an execution over the API until it has ended, and prints each node once it has. `nested` is how many nodes
 * the turns of loops and batches will come to: the API counts the nodes of the canvas alone.
 */
export async function watch(
  api: Api,
  path: string,
  nested: number,
): Promise<{ execution: Execution; nodeCount: number }> {
  const shown = new Set<string>();
  let nodeCount = 0;
  const until = performance.now() + LIMIT_MS;
  for (;;) {
    const execution = await api.get<Execution>(path);
    for (const node of await api.all<NodeTrace>(`${path}/nodes`)) {
      if (!Object.hasOwn(MARKS, node.status) || shown.has(node.path)) continue;
      shown.add(node.path);
      show(node);
      if (node.attempts > 0) nodeCount += 1;
    }
    const { total, current } = execution.progress;
    const running = current.map(({ title }) => title).join(", ");
    bar(shown.size / (total + nested), `${shown.size} nodes${running === "" ? "" : ` · now: ${running}`}`);
    if (ENDED.has(execution.status)) {
      endBar();
      return { execution, nodeCount };
    }
    if (performance.now() > until) throw new Error(`the execution is still ${execution.status}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
