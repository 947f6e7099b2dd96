import type { CanvasBody, CanvasEdge, CanvasInput, CanvasNode } from "../canvas.ts";
import { MAX_STRING } from "../limits.ts";
import { isRecord } from "../values/json.ts";
import type { ExpressionReport, NodeReport, UnboundCredential } from "./report.ts";

const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Ids here for ids or names there: the same where they are allowed, else made of their letters, each one once. */
export class Ids {
  readonly #taken = new Set<string>(["start", "end"]);
  readonly #byName = new Map<string, string>();

  of(name: string): string {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const id = this.fresh(name);
    this.#byName.set(name, id);
    return id;
  }

  /** An id that nobody has, like the word. */
  fresh(wanted: string): string {
    const plain = ID.test(wanted)
      ? wanted
      : wanted
          .normalize("NFKD")
          .replace(/[^A-Za-z0-9]+/g, "_")
          .replace(/^_+|_+$/g, "");
    const base = (plain || "node").slice(0, 56);
    let id = base;
    for (let n = 2; this.#taken.has(id); n++) id = `${base}_${n}`;
    this.#taken.add(id);
    return id;
  }
}

/** Gathers what becomes of one node of another system. */
export class Notes {
  readonly changes: string[] = [];
  readonly expressions: ExpressionReport[] = [];
  /** Credentials that it needs and that are not bound. */
  readonly credentials: UnboundCredential[] = [];
  blocked: string | undefined;

  change(text: string): void {
    if (!this.changes.includes(text)) this.changes.push(text);
  }
  /** It cannot be taken over; the first reason counts. */
  block(reason: string): void {
    this.blocked ??= reason;
  }
}

/** Whether values that are strings, lists or objects; everything a foreign file may hold instead counts as absent. */
export const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const records = (value: unknown): Record<string, unknown>[] => list(value).filter(isRecord);
export const record = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

/** The position that a file gives, where it is one. */
export function positionOf(x: unknown, y: unknown): { position?: { x: number; y: number } } {
  return typeof x === "number" && typeof y === "number" && Number.isFinite(x + y) ? { position: { x, y } } : {};
}

/** A node that has no counterpart, kept as it came. */
export function placeholderNode(
  id: string,
  label: string,
  given: { system: string; type: string; reason: string; ports?: string[]; original: unknown },
): CanvasNode {
  const original = JSON.stringify(given.original) ?? "";
  const { system, type, reason, ports } = given;
  return {
    id,
    type: "placeholder",
    data: {
      label: label.slice(0, 200),
      config: {
        system,
        type: type.slice(0, 300),
        reason: reason.slice(0, 2_000),
        ...(ports ? { ports } : {}),
        ...(original.length <= MAX_STRING ? { original } : {}),
      },
    },
  };
}

/** Leads every port of a level's nodes that nothing follows to the end (or the composite that it is the body of). */
export function closePorts(
  body: CanvasBody,
  portsOf: (node: CanvasNode) => readonly string[],
  end: string,
  skip: ReadonlySet<string> = new Set(),
): void {
  const used = new Set(body.edges.map((edge) => `${edge.source}#${edge.sourceHandle || "default"}`));
  for (const node of body.nodes) {
    if (skip.has(node.id) || node.type === "comment" || node.id === end) continue;
    for (const port of portsOf(node)) {
      if (!used.has(`${node.id}#${port}`)) body.edges.push(edgeOf(node.id, end, port));
    }
  }
}

/** An edge; the default port has no name. */
export function edgeOf(source: string, target: string, port = "default"): CanvasEdge {
  return { source, target, ...(port === "default" ? {} : { sourceHandle: port }) };
}

/** The report of one node. */
export function nodeReport(
  given: { nodeId: string; externalId: string; name: string; from: string; to: string },
  notes: Notes,
): NodeReport {
  const fidelity = notes.blocked !== undefined ? "placeholder" : notes.changes.length > 0 ? "changed" : "exact";
  const why = notes.blocked === undefined ? [] : [notes.blocked];
  return { ...given, fidelity, notes: [...why, ...notes.changes], expressions: notes.expressions };
}

/** Inputs whose names are given one after the other. */
export class InputList {
  readonly list: CanvasInput[] = [];
  readonly #byKey = new Map<string, string>();

  /** The name of an input that has this source; the same source is there once. */
  add(source: Omit<CanvasInput, "name">, wanted = `v${this.list.length}`): string {
    const key = JSON.stringify(source);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const taken = new Set(this.list.map((input) => input.name));
    const plain = wanted.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_") || "v";
    let name = plain;
    for (let n = 2; taken.has(name); n++) name = `${plain}_${n}`;
    this.list.push({ name, ...source });
    this.#byKey.set(key, name);
    return name;
  }
}
