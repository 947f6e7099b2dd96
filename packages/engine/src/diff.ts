import type { Canvas, CanvasBody, CanvasEdge, CanvasNode } from "./canvas.ts";
import { compile } from "./compile.ts";
import { type ContractDiff, contractDiff } from "./diff/contract.ts";
import { type ValueChange, valueChanges } from "./diff/values.ts";
import { nodeTypes } from "./nodes/index.ts";

/** A node as people know it. `parentId` is the loop or batch that it stands in. */
export interface NodeName {
  id: string;
  type: string;
  title: string;
  parentId: string | null;
}

/** A node that is in both canvases and not the same. Pointers start at the node: `/data/config/url`. */
export interface NodeChange extends NodeName {
  /** What decides how it runs. */
  changes: ValueChange[];
  /** Where it stands and what it is called. */
  layout: ValueChange[];
}

/** An edge by what it connects; its id and its place in the list mean nothing. */
export interface EdgeName {
  source: string;
  sourceHandle: string | null;
  target: string;
  targetHandle: string | null;
  parentId: string | null;
}

export interface CanvasDiff extends ContractDiff {
  nodes: { added: NodeName[]; removed: NodeName[]; changed: NodeChange[] };
  edges: { added: EdgeName[]; removed: EdgeName[] };
  viewport: ValueChange[];
  isSame: boolean;
  /** Nothing differs but places, titles, notes and the viewport: both run the same. */
  isLayoutOnly: boolean;
}

/** How `to` differs from `from`. The same two canvases always give the same answer, in the order of the canvases. */
export function diffCanvases(from: Canvas, to: Canvas): CanvasDiff {
  const [old, now] = [flat(from), flat(to)];
  const nodes = {
    added: [...now.nodes].flatMap(([id, placed]) => (old.nodes.has(id) ? [] : [nameOf(placed)])),
    removed: [...old.nodes].flatMap(([id, placed]) => (now.nodes.has(id) ? [] : [nameOf(placed)])),
    changed: [...now.nodes].flatMap(([id, placed]) => nodeChange(old.nodes.get(id), placed)),
  };
  const edges = { added: missing(now.edges, old.edges), removed: missing(old.edges, now.edges) };
  const viewport = valueChanges(from.viewport, to.viewport, "/viewport");
  const isWired = edges.added.length + edges.removed.length === 0;
  const isLayoutOnly =
    isWired &&
    [...nodes.added, ...nodes.removed].every(isNote) &&
    nodes.changed.every((change) => change.changes.length === 0 || isNote(change));
  const differing = nodes.added.length + nodes.removed.length + nodes.changed.length + viewport.length;
  return {
    nodes,
    edges,
    ...contractDiff(compile(from).plan, compile(to).plan),
    viewport,
    isSame: isWired && differing === 0,
    isLayoutOnly,
  };
}

interface Placed {
  node: CanvasNode;
  parentId: string | null;
}

/** Every node and edge of a canvas, those in bodies too. Ids are unique in a canvas that was read. */
function flat(canvas: Canvas): { nodes: Map<string, Placed>; edges: Map<string, EdgeName> } {
  const nodes = new Map<string, Placed>();
  const edges = new Map<string, EdgeName>();
  const add = (body: CanvasBody, parentId: string | null): void => {
    for (const edge of body.edges) {
      const name = edgeName(edge, parentId);
      edges.set(JSON.stringify(name), name);
    }
    for (const node of body.nodes) {
      nodes.set(node.id, { node, parentId });
      if (node.data.body) add(node.data.body, node.id);
    }
  };
  add(canvas, null);
  return { nodes, edges };
}

function edgeName({ source, sourceHandle, target, targetHandle }: CanvasEdge, parentId: string | null): EdgeName {
  return { source, sourceHandle: sourceHandle ?? null, target, targetHandle: targetHandle ?? null, parentId };
}

function missing(here: ReadonlyMap<string, EdgeName>, there: ReadonlyMap<string, EdgeName>): EdgeName[] {
  return [...here].flatMap(([key, edge]) => (there.has(key) ? [] : [edge]));
}

function nodeChange(old: Placed | undefined, now: Placed): NodeChange[] {
  if (!old) return [];
  const changes = valueChanges(whatRuns(old), whatRuns(now));
  const layout = valueChanges(drawing(old.node), drawing(now.node));
  return changes.length + layout.length === 0 ? [] : [{ ...nameOf(now), changes, layout }];
}

/** Of a composite without its body: nodes and edges in there are compared on their own. */
function whatRuns({ node, parentId }: Placed): unknown {
  const { label: _label, body: _body, ...data } = node.data;
  return { type: node.type, data, ...(parentId === null ? {} : { parentId }) };
}

function drawing({ position, data }: CanvasNode): unknown {
  return { position, data: { label: data.label } };
}

function nameOf({ node, parentId }: Placed): NodeName {
  const title = node.data.label ?? nodeTypes.get(node.type)?.title ?? node.type;
  return { id: node.id, type: node.type, title, parentId };
}

function isNote({ type }: { type: string }): boolean {
  return nodeTypes.get(type)?.category === "note";
}
