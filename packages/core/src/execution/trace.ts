import { read } from "@weft/db/write";
import type { Plan, PlanNode } from "@weft/engine/plan";
import type { NodeRecord, Turns } from "@weft/engine/record";
import { replayPlan } from "@weft/engine/run/plan";
import { frontier, segmentOf } from "@weft/engine/run/step";
import { isoTime } from "@weft/kernel/clock";
import type { ExecutionDeps } from "./deps.ts";
import { CursorEntity, ExecutionEventEntity, NodeExecutionEntity } from "./execution.entity.ts";
import type { ExecutionProgress, NodeTrace } from "./execution.schema.ts";
import { MAX_SINGLE_READS, queryAll, recordsOf, TableJournal } from "./journal.ts";
import { knownOf } from "./known.ts";
import { type Setup, setupOf } from "./part.ts";
import { runIo } from "./run-io.ts";
import { type ExecutionRow, isTerminal } from "./store.ts";
import { loadValue } from "./values.ts";

/** What the nodes of an execution did, in the order in which they began: stored, or derived from what is stored. */
export interface Trace {
  nodes: NodeTrace[];
  progress: ExecutionProgress;
}

/**
 * Everything; root nodes alone, so that what is inside of a composite is left where it is; or root nodes for the sake of
 * the progress, without what is large.
 */
type TraceDepth = "root" | "all" | "progress";

/** Reads a trace. */
export async function readTrace(deps: ExecutionDeps, row: ExecutionRow, depth: TraceDepth): Promise<Trace> {
  const setup = await setupOf(deps, row);
  const isBrief = depth === "progress" && row.mode === "async";
  const [derived, stored, children] = await Promise.all([
    derive(deps, row, setup, isBrief),
    isBrief ? undefined : storedRecords(row, depth),
    isBrief ? new Map<string, string>() : childrenByPath(row, setup.plan),
  ]);
  const { plan } = setup;
  const { computed, running } = derived;
  const records = stored ?? derived.known;
  const all = new Map(records.map((record) => [record.path, record]));
  const kept = new Set(all.keys());
  for (const record of computed) if (!kept.has(record.path)) all.set(record.path, record);
  placeCheap(plan, row, kept, all);
  const rank = new Map(plan.root.nodes.map((node, index) => [node.id, index]));
  const ordered = [...all.values()].sort((a, b) => a.startedAt - b.startedAt || byPlace(rank, a.path, b.path));
  const nodes = (depth === "all" ? ordered : ordered.filter(({ path }) => !path.includes("/"))).map((record) =>
    shown(record, row, children),
  );
  const known = new Set(nodes.map(({ path }) => path));
  for (const node of plan.root.nodes) {
    if (known.has(node.id)) continue;
    nodes.push(await unrecorded(row, node, running.has(node.id)));
  }
  return { nodes, progress: progressOf(plan, nodes, row) };
}

/** A root node without a record: it did not end, or never began. One that failed inside fails with what failed there. */
async function unrecorded(row: ExecutionRow, node: PlanNode, isBegun: boolean): Promise<NodeTrace> {
  const { error, status } = row;
  const isAtFault = error?.path?.startsWith(`${node.id}.`) || error?.path?.startsWith(`${node.id}/`);
  const turns = node.body && (isBegun || isAtFault) ? await turnsOf(row, node.id) : null;
  if (error && isAtFault) {
    return { ...absent(node, "failed"), error: { code: error.code, message: error.message }, turns };
  }
  if (isTerminal(status))
    return { ...absent(node, isBegun && status !== "succeeded" ? "cancelled" : "skipped"), turns };
  return { ...absent(node, isBegun ? "running" : "pending"), turns };
}

/** How far an execution is, from what its root nodes left. */
export async function readProgress(deps: ExecutionDeps, row: ExecutionRow): Promise<ExecutionProgress> {
  return (await readTrace(deps, row, "progress")).progress;
}

/** How far the turns of a composite are that did not end. */
export async function turnsOf({ spaceId, executionId }: ExecutionRow, path: string): Promise<Turns | null> {
  const { data } = await read(() => CursorEntity.get({ spaceId, executionId, path }).go({ consistent: true }));
  return data?.turns ?? null;
}

/** Executions that were called, by the path of the node that called them: the last one of each. */
async function childrenByPath({ spaceId, executionId, mode }: ExecutionRow, plan: Plan): Promise<Map<string, string>> {
  if (mode !== "async" || plan.references.length === 0) return new Map();
  const key = { spaceId, executionId };
  const rows = await queryAll((cursor) => ExecutionEventEntity.query.primary(key).go({ cursor, consistent: true }));
  return new Map(rows.flatMap(({ path, childExecutionId }) => (childExecutionId ? [[path, childExecutionId]] : [])));
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
  return root(a) - root(b) || byTurn(a, b);
}

/** Paths by their turns: `batch.2/x` before `batch.10/x`. */
export function byTurn(a: string, b: string): number {
  return NUMERIC.compare(a, b);
}

/** What is kept of an execution's nodes. */
export async function storedRecords(row: ExecutionRow, depth: TraceDepth = "all"): Promise<NodeRecord[]> {
  const key = { spaceId: row.spaceId, executionId: row.executionId };
  const query = NodeExecutionEntity.query.primary(depth === "all" ? key : { ...key, depth: "0" });
  const rows = await queryAll((cursor) => query.go({ cursor, consistent: true }));
  const perRow = await Promise.all(rows.map((item) => recordsOf(item, { whole: true })));
  const traced = row.trace ? ((await loadValue(row, row.trace)) as NodeRecord[]) : [];
  return [...perRow.flat(), ...traced];
}

interface Derived {
  computed: NodeRecord[];
  running: ReadonlySet<string>;
  /** What root nodes left, without what is large. */
  known: NodeRecord[];
}
const NOTHING: Derived = { computed: [], running: new Set(), known: [] };

/** Rounds of reading what follows from what was read; a process that was behind further reads everything. */
const MAX_ROUNDS = 5;

/** Cheap nodes that no row keeps are computed again; nodes that could run and have not ended are running. */
async function derive(deps: ExecutionDeps, row: ExecutionRow, setup: Setup, isBrief: boolean): Promise<Derived> {
  if (row.trace && row.mode !== "async") return NOTHING;
  const known = isBrief && !isTerminal(row.status) ? knownOf(row, row.epoch) : undefined;
  const journal = new TableJournal(row, row.epoch, () => deps.clock.now(), known);
  const { io, watch } = runIo(deps, row, journal, setup, { childExecutions: true });
  watch.stop();
  const replay = async (): Promise<{ computed: NodeRecord[]; open: string[] }> => {
    const { scope, computed } = await replayPlan(setup.plan, setup.input, io);
    const { positions } = frontier(setup.plan, scope);
    const effects = positions.map(({ segmentId, step }) => segmentOf(setup.plan, segmentId).steps[step]?.effect);
    return { computed, open: effects.filter((effect) => effect !== undefined) };
  };
  const isKnown = known?.isWhole === true;
  await (isKnown ? journal.recall() : journal.load());
  try {
    let now = await replay();
    // Whoever asks again and again is told what is new without reading the rest: only open nodes can have ended.
    for (let round = 0; isKnown; round += 1) {
      const isMuch = now.open.length > MAX_SINGLE_READS || round >= MAX_ROUNDS;
      const ended = isMuch ? await journal.load() : await journal.loadNodes(now.open);
      if (ended === 0) break;
      now = await replay();
      if (isMuch) break;
    }
    return { computed: now.computed, running: new Set(row.status === "queued" ? [] : now.open), known: journal.all() };
  } catch {
    // A cheap node that failed ends the execution, and its record is stored; what follows from it was never computed.
    return { ...NOTHING, known: journal.all() };
  }
}

/** A record as people see it. */
export function shown(record: NodeRecord, row: ExecutionRow, children: ReadonlyMap<string, string>): NodeTrace {
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
    turns: record.turns ?? null,
    pinned: record.pinned ?? false,
    reused: record.reused ?? false,
    childExecutionId: children.get(record.path) ?? null,
  };
}

function absent({ id, type, title }: PlanNode, status: NodeTrace["status"]): NodeTrace {
  const nothing = {
    input: null,
    output: null,
    port: null,
    error: null,
    startedAt: null,
    endedAt: null,
    durationMs: null,
    turns: null,
    pinned: false,
    reused: false,
    childExecutionId: null,
  };
  return { path: id, nodeId: id, type, title, status, ...nothing, attempts: 0, usage: {} };
}

function progressOf(plan: Plan, nodes: readonly NodeTrace[], row: ExecutionRow): ExecutionProgress {
  const total = plan.root.nodes.length;
  const root = nodes.filter((node) => !node.path.includes("/"));
  const settled = root.filter((node) => node.status === "succeeded" || node.status === "skipped").length;
  const completed = row.status === "succeeded" ? total : settled;
  const current = root
    .filter((node) => node.status === "running" || node.status === "waiting")
    .map(({ path, nodeId, title, status, turns }) => ({ path, nodeId, title, status, turns }));
  const begun = current.reduce((sum, { turns }) => sum + (turns?.total ? turns.done / turns.total : 0), 0);
  const share = total === 0 ? 1 : Math.min((completed + begun) / total, 1);
  return { total, completed, percent: Math.floor(share * 100), current };
}
