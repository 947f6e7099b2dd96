import type { CanvasNode } from "../canvas.ts";
import type { NodeDefinition } from "../node.ts";
import { nodeTypes } from "../nodes/index.ts";
import type { Field, Plan } from "../plan.ts";
import type { Issues } from "./issue.ts";
import type { Ancestors, Links } from "./links.ts";

/** What all levels of one compilation share. */
export interface Context {
  issues: Issues;
  /** Where each id of the canvas stands: the composite whose body it is in, or undefined at the root. */
  owners: ReadonlyMap<string, string | undefined>;
  references: Plan["references"];
  credentials: NonNullable<Plan["credentials"]>;
  models: NonNullable<Plan["models"]>;
  count: number;
  mayWait: boolean;
}

/** The composite whose body a level is. */
export interface Owner {
  level: Level;
  at: number;
  node: CanvasNode;
  config: unknown;
  /** Names that the body reads under the composite's id. */
  locals: ReadonlySet<string>;
}

/** One graph while it is compiled: the root or a body. */
export interface Level {
  depth: number;
  owner?: Owner;
  links: Links;
  /** Nodes that can be reached. */
  live: ReadonlySet<number>;
  /** Nodes on or behind a cycle: what comes before them is not known. */
  unordered: ReadonlySet<number>;
  before: Ancestors;
  /** Output fields of what is compiled so far, by node id. */
  fields: Map<string, readonly Field[]>;
}

/** The definition of a node's type, where it is installed. */
export function definitionOf(node: CanvasNode): NodeDefinition | undefined {
  return nodeTypes.get(node.type);
}

export function isInstalled(type: string): boolean {
  return nodeTypes.has(type);
}

/** Whether canvases begin with nodes of this type. */
export function isEntry(node: Pick<CanvasNode, "type">): boolean {
  return nodeTypes.get(node.type)?.begins === true;
}

/** Whether the type never runs: comments. */
export function isNote(node: CanvasNode): boolean {
  return definitionOf(node)?.category === "note";
}
