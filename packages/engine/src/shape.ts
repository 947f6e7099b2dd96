import { invalidField } from "@weft/kernel/errors";
import { pick } from "./coze/read.ts";
import { MAX_CANVAS_CHARS, MAX_EDGES, MAX_JSON_DEPTH, MAX_NESTING, MAX_NODES, MAX_STRING } from "./limits.ts";

interface Level {
  nodes: unknown;
  edges: unknown;
  depth: number;
  owner: string;
}

function innerLevel(node: unknown, depth: number): Level | undefined {
  if (node === null || typeof node !== "object") return undefined;
  const id = pick(node, "id");
  const owner = typeof id === "string" ? id : "?";
  const body = pick(pick(node, "data"), "body");
  if (body !== null && typeof body === "object") {
    return { nodes: pick(body, "nodes"), edges: pick(body, "edges"), depth: depth + 1, owner };
  }
  const blocks = pick(node, "blocks");
  if (!Array.isArray(blocks) || blocks.length === 0) return undefined;
  return { nodes: blocks, edges: pick(node, "edges"), depth: depth + 1, owner };
}

/** Counts nodes and edges at every depth without recursion, so that a hostile canvas costs nothing. */
function checkCounts(root: object): void {
  let nodes = 0;
  let edges = 0;
  const levels: Level[] = [{ nodes: pick(root, "nodes"), edges: pick(root, "edges"), depth: 0, owner: "" }];
  for (let level = levels.pop(); level; level = levels.pop()) {
    if (level.depth > MAX_NESTING) {
      throw invalidField(`nodes.${level.owner}`, `loops and batches nest at most ${MAX_NESTING} deep`);
    }
    if (Array.isArray(level.edges)) edges += level.edges.length;
    if (!Array.isArray(level.nodes)) continue;
    nodes += level.nodes.length;
    if (nodes > MAX_NODES)
      throw invalidField("nodes", `a canvas has at most ${MAX_NODES} nodes at every depth together`);
    for (const node of level.nodes) {
      const inner = innerLevel(node, level.depth);
      if (inner) levels.push(inner);
    }
  }
  if (edges > MAX_EDGES) throw invalidField("edges", `a canvas has at most ${MAX_EDGES} edges at every depth together`);
}

interface Place {
  value: unknown;
  depth: number;
  key: string;
  parent: Place | undefined;
}

function pathOf(place: Place | undefined): string {
  const keys: string[] = [];
  for (let at = place; at?.parent; at = at.parent) {
    const { id } = (at.value ?? {}) as { id?: unknown };
    const isNode = (at.parent.key === "nodes" || at.parent.key === "blocks") && typeof id === "string";
    keys.unshift(isNode ? id : at.key);
    if (isNode) return ["nodes", ...keys].join(".");
  }
  return keys.slice(0, 12).join(".");
}

/** Refuses a value with too long texts, too many characters or too many levels. Throws AppError `invalid_input`. */
export function checkSizes(root: unknown): void {
  let chars = 0;
  const count = (text: string, place: Place | undefined): void => {
    if (text.length > MAX_STRING) throw invalidField(pathOf(place), `a text has at most ${MAX_STRING} characters`);
    chars += text.length;
    if (chars > MAX_CANVAS_CHARS) throw invalidField("", `a canvas has at most ${MAX_CANVAS_CHARS} characters`);
  };
  const stack: Place[] = [{ value: root, depth: 0, key: "", parent: undefined }];
  for (let place = stack.pop(); place; place = stack.pop()) {
    const { value, depth } = place;
    if (typeof value === "string") count(value, place);
    if (value === null || typeof value !== "object") continue;
    if (depth > MAX_JSON_DEPTH) throw invalidField(pathOf(place), `values nest at most ${MAX_JSON_DEPTH} deep`);
    for (const key of Object.keys(value)) {
      count(key, place);
      stack.push({ value: (value as Record<string, unknown>)[key], depth: depth + 1, key, parent: place });
    }
  }
}

/**
 * Refuses a canvas that is too large, too deep or too long before anything walks it by recursion. Understands both forms.
 * Throws AppError `invalid_input` naming the node where there is one.
 */
export function checkShape(root: object): void {
  checkCounts(root);
  checkSizes(root);
}
