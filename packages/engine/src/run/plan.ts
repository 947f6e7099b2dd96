import type { Blocked } from "../node.ts";
import { DEFAULT_PORT, type Plan } from "../plan.ts";
import type { NodeRecord } from "../record.ts";
import { loadedOutput } from "./context.ts";
import { runGraph } from "./graph.ts";
import type { RunIo } from "./io.ts";
import { Scope } from "./scope.ts";

export type PlanOutcome =
  | { status: "done"; output: Record<string, unknown>; variables: Record<string, unknown> }
  | ({ status: "blocked" } & Blocked);

/**
 * Runs a whole plan in this process, branches side by side: the sync and stream drivers. Over a journal that already
 * holds records it goes on where they end. Throws NodeFailed when the execution fails and RunStopped when it was stopped.
 */
export async function runPlan(plan: Plan, input: Record<string, unknown>, io: RunIo): Promise<PlanOutcome> {
  const scope = rootScope(plan, input, io);
  const blocked = await runGraph(scope, io);
  if (blocked) return { status: "blocked", ...blocked };
  return { status: "done", output: await loadedOutput(plan, scope), variables: scope.varsAfter() };
}

/** The scope of a plan's root graph. What is pinned of nodes that the plan leaves out can be read in it. */
export function rootScope(plan: Plan, input: Record<string, unknown>, io: Pick<RunIo, "variables" | "pins">): Scope {
  const scope = new Scope(plan.root, { prefix: "", input, vars: io.variables, depth: 0 });
  for (const [nodeId, { output, port = DEFAULT_PORT }] of io.pins ?? []) {
    if (!scope.index.byId.has(nodeId)) scope.settled.set(nodeId, { status: "succeeded", port, output });
  }
  return scope;
}

const NO_EFFECTS: ReadonlySet<string> = new Set();

/**
 * What the stored records of a run amount to, without running anything that has effects: the settled state of every
 * root node that follows from them, with the records of cheap nodes computed again where they were not kept.
 */
export async function replayPlan(
  plan: Plan,
  input: Record<string, unknown>,
  io: RunIo,
  within?: ReadonlySet<string>,
): Promise<{ scope: Scope; computed: NodeRecord[] }> {
  const scope = rootScope(plan, input, io);
  const computed: NodeRecord[] = [];
  const onRecord = (record: NodeRecord): void => void computed.push(record);
  // A replay that stopped half way would take what it had not come to for something that never ran.
  const quiet: RunIo = { ...io, emit: () => undefined, onRecord, mustYield: () => false };
  await runGraph(scope, quiet, { effects: NO_EFFECTS, ...(within ? { within } : {}) });
  return { scope, computed };
}
