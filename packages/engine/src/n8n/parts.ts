import type { CanvasInput, CanvasNode, CanvasOnError } from "../canvas.ts";
import { type Notes, text } from "../import/builder.ts";
import { nodeTypes } from "../nodes/index.ts";
import type { N8nNode, Piece } from "./context.ts";

/** The name of the list of an output that a node does not have, though connections leave by it. */
export const NEVER = ".never";

/** Outputs that the node does not have never give items; what they lead to keeps its place and does not run. */
export function neverLeft(piece: Piece, outputs: number): void {
  const [exit] = piece.exits;
  const node = piece.nodes.find((one) => one.id === exit?.id && one.type === "transform");
  if (!exit || !node || outputs <= piece.exits.length) return;
  node.data.inputs = [...(node.data.inputs ?? []), { name: "never", type: "list", value: [] }];
  node.data.outputs = [...(node.data.outputs ?? []), { name: "never", type: "list" }];
  while (piece.exits.length < outputs) {
    piece.exits.push({ id: exit.id });
    piece.items.push(`${exit.id}${NEVER}`);
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

/** What a node of n8n says of failures and repeats, as our policy. */
export function settings({ raw }: N8nNode, notes: Notes, piece: Piece): void {
  if (raw.disabled === true) {
    notes.change("it is disabled: its items pass through");
    return;
  }
  if (raw.executeOnce === true) notes.change("it runs over all items, not over the first alone");
  if (raw.alwaysOutputData === true) notes.change("no empty item is made where there are none");
  const retries = raw.retryOnFail === true ? Math.min(10, Math.max(0, (Number(raw.maxTries) || 3) - 1)) : 0;
  const onFail = text(raw.onError) ?? (raw.continueOnFail === true ? "continueRegularOutput" : "stopWorkflow");
  const policy: CanvasOnError = {
    ...(retries > 0
      ? { retries, delayMs: Math.min(5_000, Number(raw.waitBetweenTries) || 1_000), backoffRate: 1, jitter: false }
      : {}),
    ...(onFail === "stopWorkflow" ? {} : { strategy: "default" as const, fallback: { items: [], lists: [] } }),
  };
  if (onFail !== "stopWorkflow")
    notes.change("where it fails it gives no items, instead of items that tell of the error");
  if (Object.keys(policy).length === 0) return;
  for (const node of piece.nodes) {
    if (node.type === "transform") continue;
    const target = node.data.body?.nodes[0] ?? node;
    if (retries > 0) target.data.onError = { ...target.data.onError, ...policy, strategy: "throw" };
    if (onFail !== "stopWorkflow")
      node.data.onError = { ...(target === node ? policy : {}), strategy: "default", fallback: policy.fallback };
  }
  const [only] = piece.nodes;
  if (piece.nodes.length === 1 && only && onFail !== "stopWorkflow") only.data.onError = policy;
}

/** The ports that a node may leave by. */
export function portsOf(node: CanvasNode): readonly string[] {
  const definition = nodeTypes.get(node.type);
  const parsed = definition?.config.safeParse(node.data.config ?? {});
  return definition?.ports && parsed?.success ? definition.ports(parsed.data) : ["default"];
}
