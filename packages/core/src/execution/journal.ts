import { read, transact, tryWrite, tx, type WriteOp } from "@weft/db/write";
import {
  type Answer,
  type Journal,
  type NodeRecord,
  pathsOfTurns,
  type SuspendRecord,
  suspensionKey,
  type Turns,
} from "@weft/engine/record";
import { isoTime } from "@weft/kernel/clock";
import { newId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { CursorEntity, ExecutionEventEntity, NodeExecutionEntity, type RecordHead } from "./execution.entity.ts";
import { forgetKnown, type Known } from "./known.ts";
import { loadValue, storeValue } from "./values.ts";

/** Nodes that are read one by one; where more are missing, one query costs less. */
export const MAX_SINGLE_READS = 10;

export interface ExecutionKey {
  spaceId: string;
  executionId: string;
}

export type NodeRow = EntityItem<typeof NodeExecutionEntity>;
export type EventRow = EntityItem<typeof ExecutionEventEntity>;

interface Body {
  input: unknown;
  output?: unknown;
  vars?: Record<string, unknown>;
  suspend?: SuspendRecord;
  /** Cheap nodes around this one. */
  around?: NodeRecord[];
}

/** The rows of one execution as the engine's journal: loaded before a step, written as nodes end. */
export class TableJournal implements Journal {
  readonly #key: ExecutionKey;
  readonly #epoch: number;
  readonly #now: () => number;
  readonly #rows = new Map<string, NodeRow>();
  readonly #records = new Map<string, NodeRecord>();
  readonly #events = new Map<string, EventRow>();
  readonly #answers = new Map<string, Answer>();
  readonly #cursors = new Map<string, unknown>();
  #known: Known | undefined;
  /** Everything that root nodes had left was read here at some time. */
  isWhole = false;

  /** With `known` it reads no record twice in this process. */
  constructor(key: ExecutionKey, epoch: number, now: () => number, known?: Known) {
    this.#known = known;
    this.#key = { spaceId: key.spaceId, executionId: key.executionId };
    this.#epoch = epoch;
    this.#now = now;
  }

  /** Reads what root nodes left, and what waits for an answer. Consistent: it sees every write that was acknowledged. */
  async load(): Promise<void> {
    const rows = await queryAll((cursor) =>
      NodeExecutionEntity.query.primary({ ...this.#key, depth: "0" }).go({ cursor, consistent: true }),
    );
    await this.#take(rows);
    this.isWhole = true;
    if (this.#known) this.#known.isWhole = true;
  }

  /**
   * {@link load} for a step that may run `effect` and can depend on the nodes `before`, of which it is decided whether they
   * run: reads those alone that this process does not know. Where the effect is stored already, others have been here,
   * and all that they left is read.
   */
  async loadFor({ effect, before }: { effect?: string | undefined; before: readonly string[] }): Promise<void> {
    const known = this.#known;
    if (!known?.isWhole) return this.load();
    const missing = before.filter((path) => !known.isSettled(path));
    if (missing.length > MAX_SINGLE_READS) return this.load();
    await this.recall();
    const paths = effect === undefined ? missing : [...missing, effect];
    const rows = await Promise.all(paths.map((path) => this.#read(path)));
    if (effect !== undefined && rows.pop()) return this.load();
    for (const [at, row] of rows.entries()) if (!row) known.absent.add(missing[at] as string);
    await this.#take(rows.filter((row) => row !== null));
  }

  /** Takes what this process knows, without reading anything. */
  async recall(): Promise<void> {
    for (const kept of this.#known?.kept.values() ?? []) {
      for (const record of "row" in kept ? await recordsOf(kept.row) : kept.records)
        this.#records.set(record.path, record);
    }
  }

  /** Reads the records of these root nodes alone. Gives how many of them succeeded. */
  async loadNodes(paths: readonly string[]): Promise<number> {
    const rows = (await Promise.all(paths.map((path) => this.#read(path)))).filter((row) => row !== null);
    await this.#take(rows);
    return rows.filter(({ status }) => status === "succeeded").length;
  }

  /** Reads what is inside one composite or call. */
  async loadBelow(path: string): Promise<void> {
    const [rows, cursors] = await Promise.all([
      queryAll((cursor) =>
        NodeExecutionEntity.query
          .primary({ ...this.#key, depth: "1" })
          .begins({ path })
          .go({ cursor, consistent: true }),
      ),
      queryAll((cursor) => CursorEntity.query.primary(this.#key).begins({ path }).go({ cursor, consistent: true })),
    ]);
    for (const row of cursors) this.#cursors.set(row.path, await loadValue(this.#key, row.state));
    await this.#take(rows);
  }

  async #take(rows: readonly NodeRow[]): Promise<void> {
    for (const row of rows) {
      this.#rows.set(row.path, row);
      const records = await recordsOf(row);
      for (const record of records) this.#records.set(record.path, record);
      if (row.depth === "0") this.#known?.keep(row, records);
    }
    if (rows.some((row) => row.status === "waiting" && row.eventId !== undefined)) await this.loadEvents();
  }

  /** Reads what the execution was asked and what was answered. */
  async loadEvents(): Promise<void> {
    const events = await queryAll((cursor) =>
      ExecutionEventEntity.query.primary(this.#key).go({ cursor, consistent: true }),
    );
    for (const event of events) {
      this.#events.set(event.eventId, event);
      if (event.status === "answered" && event.answer) {
        this.#answers.set(event.eventId, (await loadValue(this.#key, event.answer)) as Answer);
      }
    }
  }

  get(path: string): NodeRecord | undefined {
    const record = this.#records.get(path);
    return record?.status === "failed" ? undefined : record;
  }

  /** What a node failed with in this epoch: a repeat of its step fails the same way, without its effects. */
  failure(path: string): NodeRecord | undefined {
    const record = this.#records.get(path);
    return record?.status === "failed" && this.#rows.get(path)?.epoch === this.#epoch ? record : undefined;
  }

  /** Every record that is known, failed ones too. */
  all(): NodeRecord[] {
    return [...this.#records.values()];
  }

  answer(record: NodeRecord): Answer | undefined {
    const eventId = this.#rows.get(record.path)?.eventId;
    return eventId === undefined ? undefined : this.#answers.get(eventId);
  }

  /** The event that a waiting record is about. */
  eventOf(path: string): EventRow | undefined {
    const eventId = this.#rows.get(path)?.eventId;
    return eventId === undefined ? undefined : this.#events.get(eventId);
  }

  cursor(path: string): unknown {
    return this.#cursors.get(path);
  }

  async saveCursor(path: string, state: unknown, turns?: Turns): Promise<void> {
    this.#cursors.set(path, state);
    const stored = await this.#store(state);
    const row = { ...this.#key, path, state: stored, ...(turns ? { turns } : {}) };
    await tryWrite(() => CursorEntity.put(row).go());
  }

  forget(path: string, turn: number): void {
    for (const known of pathsOfTurns(this.#records.keys(), path, turn)) {
      this.#records.delete(known);
      this.#rows.delete(known);
    }
  }

  hasBelow(prefix: string): boolean {
    for (const path of this.#rows.keys()) if (path.startsWith(prefix)) return true;
    return false;
  }

  put(record: NodeRecord): Promise<NodeRecord> {
    return this.putAll([record]);
  }

  /**
   * Stores the record of a node that must not run again, with those of the cheap nodes around it, in one conditional
   * write. The first writer of a path wins: where another was first, its record is returned and nothing is written.
   */
  async putAll(records: readonly [NodeRecord, ...NodeRecord[]]): Promise<NodeRecord> {
    const [first, ...around] = records;
    const prior = this.#rows.get(first.path);
    const row = await this.#row(first, around);
    const written =
      first.suspend && first.suspend.kind !== "wait"
        ? await this.#putWaiting(row, first, prior)
        : await tryWrite(() => this.#conditional(NodeExecutionEntity.put(row), prior).go());
    if (!written) return this.#adopt(first.path);
    this.#rows.set(first.path, row as NodeRow);
    for (const record of records) this.#records.set(record.path, record);
    if (row.depth === "0") this.#known?.keep(row, records);
    return first;
  }

  /** A path may be written when it is new, failed before, or waits as we last saw it. */
  #conditional<T>(put: T, prior: NodeRow | undefined): T {
    const chain = put as { where(condition: (attr: Attributes, op: Operations) => string): T };
    return chain.where((attr, op) => {
      const open = `${op.notExists(attr.path)} OR ${op.eq(attr.status, "failed")}`;
      if (prior?.status !== "waiting") return open;
      const same = prior.eventId === undefined ? op.notExists(attr.eventId) : op.eq(attr.eventId, prior.eventId);
      return `${open} OR (${op.eq(attr.status, "waiting")} AND ${same})`;
    });
  }

  async #putWaiting(row: NodeRow, record: NodeRecord, prior: NodeRow | undefined): Promise<object | null> {
    // What a call of an earlier try had done is kept: it goes on.
    if (prior && record.suspend?.kind === "child") await this.loadEvents();
    const event = await this.#event(record);
    row.eventId = event.eventId;
    const put = this.#conditional(tx(NodeExecutionEntity).put(row), prior).commit() as WriteOp;
    try {
      await transact([put, tx(ExecutionEventEntity).create(event).commit() as WriteOp]);
    } catch (thrown) {
      if ((thrown as { code?: string }).code === "conflict") return null;
      throw thrown;
    }
    this.#events.set(event.eventId, event as EventRow);
    return event;
  }

  async #event(record: NodeRecord) {
    const { suspend } = record;
    const now = this.#now();
    const base = {
      ...this.#key,
      eventId: newId("executionEvent", now),
      path: record.path,
      nodeId: record.nodeId,
      status: "pending" as const,
      createdAt: isoTime(now),
    };
    if (suspend?.kind === "child") {
      const data = await this.#store({ workflowId: suspend.workflowId, version: suspend.version });
      const childExecutionId = this.#callAt(record.path) ?? newId("execution", now);
      return { ...base, type: "child", round: 1, data, childExecutionId };
    }
    if (suspend?.kind !== "signal") throw new Error(`${suspensionKey(record)} asks for nothing`);
    const { event, round } = suspend;
    const timeoutAt = event.timeoutMs === undefined ? {} : { timeoutAt: isoTime(suspend.since + event.timeoutMs) };
    return { ...base, type: event.type, round, data: await this.#store(event.data), ...timeoutAt };
  }

  #callAt(path: string): string | undefined {
    const calls = [...this.#events.values()].filter((event) => event.path === path && event.type === "child");
    return calls.sort((a, b) => (a.eventId < b.eventId ? 1 : -1))[0]?.childExecutionId;
  }

  async #read(path: string): Promise<NodeRow | null> {
    const key = { ...this.#key, depth: depthOf(path), path };
    return (await read(() => NodeExecutionEntity.get(key).go({ consistent: true }))).data;
  }

  async #adopt(path: string): Promise<NodeRecord> {
    forgetKnown(this.#key, this.#epoch);
    this.#known = undefined;
    const data = await this.#read(path);
    if (!data) throw new Error(`the record of ${path} is gone`);
    await this.#take([data]);
    const record = this.#records.get(path);
    if (!record) throw new Error(`the record of ${path} cannot be read`);
    return record;
  }

  async #row(record: NodeRecord, around: readonly NodeRecord[]): Promise<NodeRow> {
    const { input, output, load, vars, suspend, ...head } = record;
    void load;
    const body: Body = {
      input,
      output,
      ...(vars ? { vars } : {}),
      ...(suspend ? { suspend } : {}),
      ...(around.length > 0 ? { around: [...around] } : {}),
    };
    return {
      ...this.#key,
      depth: depthOf(record.path),
      path: record.path,
      status: record.status,
      epoch: this.#epoch,
      head,
      body: await this.#store(body),
      ...(vars || suspend || around.some((other) => other.vars) ? { eager: true } : {}),
      ...(record.usage ? { metered: true } : {}),
    };
  }

  #store(value: unknown) {
    return storeValue(this.#key, value);
  }
}

interface Attributes {
  readonly [name: string]: unknown;
}

interface Operations {
  eq(attribute: unknown, value: unknown): string;
  notExists(attribute: unknown): string;
}

function depthOf(path: string): "0" | "1" {
  return path.includes("/") ? "1" : "0";
}

/** The records that a row stands for. Large outputs are read when they are asked for. */
export async function recordsOf(row: NodeRow, options: { whole?: boolean } = {}): Promise<NodeRecord[]> {
  const head = row.head as RecordHead;
  if ("json" in row.body || row.eager || options.whole) {
    const body = (await loadValue(row, row.body)) as Body;
    const { around, ...own } = body;
    return [{ ...head, ...own }, ...(around ?? [])];
  }
  let loaded: Promise<Body> | undefined;
  const load = async () => {
    loaded ??= loadValue(row, row.body) as Promise<Body>;
    return (await loaded).output;
  };
  return [{ ...head, input: undefined, load }];
}

/** All pages of a query of one execution's rows. */
export async function queryAll<T>(
  page: (cursor: string | null) => Promise<{ data: T[]; cursor: string | null }>,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const result: { data: T[]; cursor: string | null } = await read(() => page(cursor));
    items.push(...result.data);
    cursor = result.cursor;
  } while (cursor !== null);
  return items;
}
