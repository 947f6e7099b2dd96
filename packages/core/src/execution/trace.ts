import type { Plan } from "@weft/engine/plan";
import type { NodeRecord } from "@weft/engine/record";
import { replayPlan } from "@weft/engine/run/plan";
import { frontier, segmentOf } from "@weft/engine/run/step";
import { isoTime } from "@weft/kernel/clock";
import type { ExecutionDeps } from "./deps.ts";
import { NodeExecutionEntity } from "./execution.entity.ts";
import type { ExecutionProgress, NodeTrace } from "./execution.schema.ts";
import { queryAll, recordsOf, TableJournal } from "./journal.ts";
import { runIo } from "./run-io.ts";
import { type ExecutionRow, isTerminal, materialOf } from "./store.ts";
import { loadValue } from "./values.ts";

/** What every node of an execution did, in the order in which they began: stored, or derived from what is stored. */
export interface Trace {
  nodes: NodeTrace[];
  progress: ExecutionProgress;
}

/** Reads the whole trace. `material` is false where inputs and outputs are not wanted. */
export async function readTrace(deps: ExecutionDeps, row: ExecutionRow): Promise<Trace> {
  const [plan, records] = await Promise.all([deps.plan(row), storedRecords(row)]);
  const all = new Map(records.map((record) => [record.path, record]));
  const { computed, running } = await derive(deps, row, plan);
  const kept = new Set(all.keys());
  for (const record of computed) if (!kept.has(record.path)) all.set(record.path, record);
  placeCheap(plan, row, kept, all);
  const rank = new Map(plan.root.nodes.map((node, index) => [node.id, index]));
  const ordered = [...all.values()].sort((a, b) => a.startedAt - b.startedAt || byPlace(rank, a.path, b.path));
  const nodes = ordered.map((record) => shown(record, row));
  const known = new Set(ordered.map((record) => record.path));
  for (const node of plan.root.nodes) {
    if (known.has(node.id)) continue;
    const status = isTerminal(row.status) ? "skipped" : running.has(node.id) ? "running" : "pending";
    nodes.push(absent(node.id, node.type, node.title, status));
  }
  return { nodes, progress: progressOf(plan, nodes, row) };
}

/**
 * A cheap node that was computed again, here or by a later lane, has the time of that. It first ran once what comes
 * before it was over, and before what follows it began.
 */
function placeCheap(plan: Plan, row: ExecutionRow, kept: ReadonlySet<string>, all: Map<string, NodeRecord>): void {
  const begun = Date.parse(row.startedAt ?? row.createdAt);
  const out = Map.groupBy(plan.root.edges, (edge) => edge.from);
  const into = Map.groupBy(plan.root.edges, (edge) => edge.to);
  const latest = new Map<string, number>();
  for (const { id } of plan.root.nodes.toReversed()) {
    const followers = (out.get(id) ?? []).map(({ to }) => latest.get(to) ?? Number.POSITIVE_INFINITY);
    latest.set(id, Math.min(all.get(id)?.startedAt ?? Number.POSITIVE_INFINITY, ...followers));
  }
  for (const { id, effectful, body } of plan.root.nodes) {
    const record = all.get(id);
    if (!record || effectful || body) continue;
    if (kept.has(id) && record.startedAt === latest.get(id)) continue;
    const at = Math.max(begun, ...(into.get(id) ?? []).map(({ from }) => all.get(from)?.endedAt ?? 0));
    all.set(id, { ...record, startedAt: at, ...(record.endedAt === undefined ? {} : { endedAt: at }) });
  }
}

const NUMERIC = new Intl.Collator("en", { numeric: true });

/** Nodes that began in the same millisecond: as in the plan, then by turn. */
function byPlace(rank: ReadonlyMap<string, number>, a: string, b: string): number {
  const root = (path: string): number => rank.get(path.split(/[./]/, 1)[0] as string) ?? 0;
  return root(a) - root(b) || NUMERIC.compare(a, b);
}

async function storedRecords(row: ExecutionRow): Promise<NodeRecord[]> {
  const key = { spaceId: row.spaceId, executionId: row.executionId };
  const rows = await queryAll((cursor) => NodeExecutionEntity.query.primary(key).go({ cursor, consistent: true }));
  const perRow = await Promise.all(rows.map((item) => recordsOf(item, { whole: true })));
  const traced = row.trace ? ((await loadValue(row, row.trace)) as NodeRecord[]) : [];
  return [...perRow.flat(), ...traced];
}

/** Cheap nodes that no row keeps are computed again; nodes that could run and have not ended are running. */
async function derive(deps: ExecutionDeps, row: ExecutionRow, plan: Plan) {
  if (row.trace && row.mode !== "async") return { computed: [] as NodeRecord[], running: new Set<string>() };
  const journal = new TableJournal(row, row.epoch, () => deps.clock.now());
  const [material] = await Promise.all([materialOf(row), journal.load()]);
  const { io, watch } = runIo(deps, row, journal, material.variables, { childExecutions: true });
  watch.stop();
  try {
    const { scope, computed } = await replayPlan(plan, material.input, io);
    const effects = frontier(plan, scope).positions.map(
      ({ segmentId, step }) => segmentOf(plan, segmentId).steps[step]?.effect,
    );
    const running = new Set(effects.filter((effect) => effect !== undefined && row.status !== "queued") as string[]);
    return { computed, running };
  } catch {
    // A cheap node that failed ends the execution, and its record is stored; what follows from it was never computed.
    return { computed: [] as NodeRecord[], running: new Set<string>() };
  }
}

function shown(record: NodeRecord, row: ExecutionRow): NodeTrace {
  const isOver = isTerminal(row.status) && record.status === "waiting";
  return {
    path: record.path,
    nodeId: record.nodeId,
    type: record.type,
    title: record.title,
    status: isOver ? "cancelled" : record.status,
    input: record.input ?? null,
    output: record.output ?? null,
    port: record.port ?? null,
    error: record.error ?? null,
    startedAt: isoTime(record.startedAt),
    endedAt: record.endedAt === undefined ? null : isoTime(record.endedAt),
    durationMs: record.endedAt === undefined ? null : record.endedAt - record.startedAt,
    attempts: record.attempts,
    usage: record.usage ?? {},
  };
}

function absent(nodeId: string, type: string, title: string, status: NodeTrace["status"]): NodeTrace {
  const nothing = {
    input: null,
    output: null,
    port: null,
    error: null,
    startedAt: null,
    endedAt: null,
    durationMs: null,
  };
  return { path: nodeId, nodeId, type, title, status, ...nothing, attempts: 0, usage: {} };
}

function progressOf(plan: Plan, nodes: readonly NodeTrace[], row: ExecutionRow): ExecutionProgress {
  const total = plan.root.nodes.length;
  const root = nodes.filter((node) => !node.path.includes("/"));
  const settled = root.filter((node) => node.status === "succeeded" || node.status === "skipped").length;
  const completed = row.status === "succeeded" ? total : settled;
  const current = root
    .filter((node) => node.status === "running" || node.status === "waiting")
    .map(({ path, nodeId, title, status }) => ({ path, nodeId, title, status }));
  return { total, completed, percent: total === 0 ? 100 : Math.floor((completed * 100) / total), current };
}
