import { read } from "@weft/db/write";
import type { NodeRecord } from "@weft/engine/record";
import { invalidField } from "@weft/kernel/errors";
import { NodeExecutionEntity, type RecordHead } from "./execution.entity.ts";
import type { NodeTrace } from "./execution.schema.ts";
import { queryAll, recordsOf } from "./journal.ts";
import type { ExecutionRow } from "./store.ts";
import { byTurn, shown, storedRecords, turnsOf } from "./trace.ts";

/** Turns that are looked for at once, and for one page: what is not found by then is left to the next one. */
const TURNS_AT_ONCE = 50;
const MAX_TURNS_LOOKED = 1_000;
const PATH = /^([A-Za-z0-9_-]{1,64}(\.\d{1,7})?\/)*[A-Za-z0-9_-]{1,64}(\.\d{1,7})?$/;

interface PageRequest {
  /** A place, or `turn:place in it`. */
  from: string | null;
  limit: number;
  /** Without what is inside of a node in the turn. */
  isShallow: boolean;
}

/**
 * A page of what is under a node: turns of a loop or a batch in their order, whatever their number, each with its nodes in
 * the order of their paths; or the nodes of a call. Throws `invalid_input` for what is no path.
 */
export async function tracesUnder(
  row: ExecutionRow,
  under: string,
  page: PageRequest,
): Promise<{ nodes: NodeTrace[]; next: string | null }> {
  if (!PATH.test(under)) throw invalidField("under", "expected a node's path, such as batch or batch.3/loop");
  const { records, next } = await (row.trace && row.mode !== "async" ? fromTrace : fromRows)(row, under, page);
  return { nodes: records.map((record) => shown(record, row, NO_CHILDREN)), next };
}

const NO_CHILDREN: ReadonlyMap<string, string> = new Map();

interface Found {
  records: NodeRecord[];
  next: string | null;
}

/** Of a run whose whole trace is one value. */
async function fromTrace(row: ExecutionRow, under: string, { from, limit, isShallow }: PageRequest): Promise<Found> {
  const all = await storedRecords(row);
  const isUnder = ({ path }: NodeRecord): boolean => path.startsWith(`${under}/`) || path.startsWith(`${under}.`);
  const records = all.filter((record) => isUnder(record) && !(isShallow && isDeep(record.path, under)));
  records.sort((a, b) => byTurn(a.path, b.path));
  const start = Number(from ?? 0);
  return { records: records.slice(start, start + limit), next: nextOf(start + limit, records.length) };
}

function nextOf(place: number, length: number): string | null {
  return place < length ? String(place) : null;
}

async function fromRows(row: ExecutionRow, under: string, { from, limit, isShallow }: PageRequest): Promise<Found> {
  const isTurn = /\.\d+$/.test(under);
  const [first = 0, place = 0] = (from ?? "").split(":").map(Number);
  const records: NodeRecord[] = [];
  /** Takes what fits; gives where the rest begins. */
  const take = (group: NodeRecord[], skip: number): number | undefined => {
    const rest = (isShallow ? group.filter(({ path }) => !isDeep(path, under)) : group).slice(skip);
    const room = limit - records.length;
    records.push(...rest.slice(0, room));
    return rest.length > room ? skip + room : undefined;
  };
  // What is right below: the nodes of a call, or of the one turn that is asked for.
  const below = first === 0 ? await recordsBelow(row, `${under}/`) : [];
  if (below.length > 0 || isTurn) {
    const more = take(below, place);
    return { records, next: more === undefined ? null : `0:${more}` };
  }
  const bound = await turnsBegun(row, under);
  for (let at = first; at < first + MAX_TURNS_LOOKED; at += TURNS_AT_ONCE) {
    const turns = Array.from({ length: TURNS_AT_ONCE }, (_none, index) => at + index);
    const groups = await Promise.all(turns.map((turn) => recordsBelow(row, `${under}.${turn}/`)));
    for (const [index, group] of groups.entries()) {
      const more = take(group, at + index === first ? place : 0);
      if (more !== undefined) return { records, next: `${at + index}:${more}` };
    }
    if (at + TURNS_AT_ONCE >= bound && groups.every((group) => group.length === 0)) return { records, next: null };
  }
  return { records, next: `${first + MAX_TURNS_LOOKED}:0` };
}

async function recordsBelow({ spaceId, executionId }: ExecutionRow, path: string): Promise<NodeRecord[]> {
  const query = NodeExecutionEntity.query.primary({ spaceId, executionId, depth: "1" }).begins({ path });
  const rows = await queryAll((cursor) => query.go({ cursor, consistent: true }));
  return (await Promise.all(rows.map((item) => recordsOf(item, { whole: true })))).flat();
}

/** How many turns of a composite began at least: later ones, of a batch, stand side by side. */
async function turnsBegun(row: ExecutionRow, path: string): Promise<number> {
  const { spaceId, executionId } = row;
  const depth = path.includes("/") ? "1" : "0";
  const [{ data }, open] = await Promise.all([
    read(() => NodeExecutionEntity.get({ spaceId, executionId, depth, path }).go({ consistent: true })),
    turnsOf(row, path),
  ]);
  return (data?.head as RecordHead | undefined)?.turns?.done ?? open?.done ?? 0;
}

/** Whether a path below `under` is inside of another node there. */
function isDeep(path: string, under: string): boolean {
  return path
    .slice(under.length + 1)
    .replace(/^\d+\//, "")
    .includes("/");
}
