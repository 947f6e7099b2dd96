import type { CanvasInput, CanvasNode, CanvasOnError } from "../canvas.ts";
import { edgeOf, type Ids, type Notes, text } from "../import/builder.ts";
import { nodeTypes } from "../nodes/index.ts";
import type { N8nNode, Piece } from "./context.ts";
import { expressionOf } from "./ports.ts";

/** The name of the list of an output that a node does not have, though connections leave by it. */
export const NEVER = ".never";

/** Outputs that the node does not have never give items; what they lead to keeps its place and does not run. */
export function neverLeft(piece: Piece, outputs: number, ids: Ids): void {
  const [exit] = piece.exits;
  if (!exit || exit.port !== undefined || outputs <= piece.exits.length) return;
  const id = ids.fresh(`${exit.id}_never`);
  const never = { name: "never", type: "list" as const };
  piece.nodes.push({ id, type: "transform", data: { inputs: [{ ...never, value: [] }], outputs: [never] } });
  piece.edges.push(edgeOf(exit.id, id));
  while (piece.exits.length < outputs) {
    piece.exits.push({ id });
    piece.items.push(`${id}${NEVER}`);
  }
}

/** A selector that is left by `true` where there are items. */
export function gateNode(id: string, items: Omit<CanvasInput, "name">): CanvasNode {
  const config = { branches: [{ conditions: [{ left: "items", operator: "not_empty" }] }] };
  return { id, type: "selector", data: { config, inputs: [{ name: "items", type: "list", ...items }] } };
}

/** The type that stands for a piece of several nodes. */
export function kindOf(piece: Piece): string {
  return piece.nodes.find(({ type }) => type !== "transform" && type !== "selector")?.type ?? "transform";
}

/** Why a type has no counterpart. */
export function reasonOf(type: string): string {
  if (type.startsWith("@n8n/n8n-nodes-langchain."))
    return "it needs a model, a memory or a tool: put nodes of this space in its place";
  return `nodes of type "${type}" belong to a service or an extension that has no counterpart here`;
}

/** Codes of failures of requests: n8n tries again after any of them. */
const REQUEST_FAILURES = ["http_error", "http_failed", "timeout"];

/** The mapper's own way to tell of failures: in turns, in the program, or in the node that reads what a call gave. */
const TELLS: ReadonlySet<string> = new Set(["batch", "code", "sub_workflow"]);

function retriesOf({ raw }: N8nNode, type: string): CanvasOnError {
  const retries = raw.retryOnFail === true ? Math.min(10, Math.max(0, (Number(raw.maxTries) || 3) - 1)) : 0;
  if (retries === 0) return {};
  const pause = {
    delayMs: Math.min(5_000, Math.max(0, Number(raw.waitBetweenTries ?? 1_000) || 0)),
    backoffRate: 1,
    jitter: false,
  };
  if (type !== "http_request") return { retries, ...pause };
  return { retryOn: [{ codes: REQUEST_FAILURES, retries, ...pause }] };
}

/** What a node of n8n says of failures and repeats, as our policy. */
export function settings(node: N8nNode, notes: Notes, piece: Piece, given: Omit<CanvasInput, "name">): void {
  const { raw } = node;
  if (raw.alwaysOutputData === true) alwaysGives(piece, given);
  for (const created of piece.nodes) {
    if (created.type === "transform" || created.type === "selector") continue;
    const target = created.data.body?.nodes[0] ?? created;
    const retries = retriesOf(node, target.type);
    if (Object.keys(retries).length > 0) target.data.onError = { ...target.data.onError, ...retries };
  }
  const onFail = text(raw.onError) ?? (raw.continueOnFail === true ? "continueRegularOutput" : "stopWorkflow");
  if (onFail === "stopWorkflow" || piece.nodes.some(({ type }) => TELLS.has(type))) return;
  // Nodes that pass items on fail only over values that they cannot read.
  const [first] = piece.nodes;
  if (!first || piece.nodes.length > 1) {
    notes.change("where it fails the workflow fails, instead of going on with items that tell of the error");
    return;
  }
  notes.change("where it fails it gives no items, instead of items that tell of the error");
  first.data.onError = { ...first.data.onError, strategy: "default", fallback: { items: [] } };
}

/** An empty item where the node would give none. */
function alwaysGives(piece: Piece, given: Omit<CanvasInput, "name">): void {
  const [id = "", name = ""] = (piece.items[0] ?? "").split(".");
  const holder = piece.nodes.find((one) => one.id === id && one.type === "transform");
  const input = holder?.data.inputs?.find((one) => one.name === name);
  if (!holder || !input) return;
  const { name: _name, type: _type, ...source } = input;
  const wrapped = expressionOf(([made, all]) => `$items_or_one(${made}, ${all})`, [source, given]);
  holder.data.inputs =
    holder.data.inputs?.map((one) => (one === input ? { name, type: "list", ...wrapped } : one)) ?? [];
  const places = piece.pairs?.[0];
  if (!Array.isArray(places)) return;
  const all = places.map((one) => expressionOf(([own, from]) => `$items_or_all(${own}, ${from})`, [one, given]));
  piece.pairs = [all, ...(piece.pairs ?? []).slice(1)];
}

/** The ports that a node may leave by. */
export function portsOf(node: CanvasNode): readonly string[] {
  const definition = nodeTypes.get(node.type);
  const parsed = definition?.config.safeParse(node.data.config ?? {});
  return definition?.ports && parsed?.success ? definition.ports(parsed.data) : ["default"];
}
