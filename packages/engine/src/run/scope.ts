import type { PlanEdge, PlanGraph, PlanNode } from "../plan.ts";
import type { NodeRecord, Usage } from "../record.ts";
import { FINISH } from "../segments.ts";

/** A node of a graph that needs nothing more: it ran, or nothing live led to it. */
export interface Settled {
  status: "succeeded" | "skipped";
  port: string;
  output: unknown;
  load?: () => Promise<unknown>;
  vars?: Record<string, unknown> | undefined;
}

export const SKIPPED: Settled = { status: "skipped", port: "", output: undefined };

interface GraphIndex {
  byId: Map<string, PlanNode>;
  out: Map<string, PlanEdge[]>;
  inDegree: Map<string, number>;
}

const indexes = new WeakMap<PlanGraph, GraphIndex>();

/** Look-ups of a graph, made once: plans are kept between runs. */
export function indexOf(graph: PlanGraph): GraphIndex {
  let index = indexes.get(graph);
  if (!index) {
    index = { byId: new Map(graph.nodes.map((n) => [n.id, n])), out: new Map(), inDegree: new Map() };
    for (const edge of graph.edges) {
      if (edge.to === FINISH) continue;
      const list = index.out.get(edge.from);
      if (list) list.push(edge);
      else index.out.set(edge.from, [edge]);
      index.inDegree.set(edge.to, (index.inDegree.get(edge.to) ?? 0) + 1);
    }
    indexes.set(graph, index);
  }
  return index;
}

export interface ScopeOptions {
  prefix: string;
  /** What was passed to this graph: the start node's material. */
  input: Record<string, unknown>;
  /** App variables that hold at the graph's start. */
  vars: Readonly<Record<string, unknown>>;
  depth: number;
  /** The enclosing scope and the composite in it whose body this is. */
  parent?: { scope: Scope; nodeId: string };
  /** What refs to the composite itself read: index, items. */
  locals?: Record<string, unknown>;
  loopVars?: Record<string, unknown>;
  /** App variables of whatever called this graph as a frame. */
  callerVariable?: (name: string) => unknown;
  /** The called workflow whose graph this is, or is in; absent in the execution's own. */
  workflowId?: string;
}

/** One graph being run: the root, one turn of a body, or one called plan. */
export class Scope {
  readonly graph: PlanGraph;
  readonly index: GraphIndex;
  readonly prefix: string;
  readonly input: Record<string, unknown>;
  readonly depth: number;
  readonly settled = new Map<string, Settled>();
  readonly loopVars: Record<string, unknown>;
  /** What the nodes that are settled were metered for. */
  readonly usage: Usage = {};
  readonly options: ScopeOptions;
  control: "break" | "continue" | undefined;

  constructor(graph: PlanGraph, options: ScopeOptions) {
    this.graph = graph;
    this.index = indexOf(graph);
    this.prefix = options.prefix;
    this.input = options.input;
    this.depth = options.depth;
    this.loopVars = { ...options.loopVars };
    this.options = options;
  }

  /** The settled state of a node seen from here, or the locals of an enclosing composite; undefined where neither is. */
  find(nodeId: string): Settled | { locals: Record<string, unknown> } | undefined {
    const own = this.settled.get(nodeId);
    if (own || this.index.byId.has(nodeId)) return own;
    const { parent, locals } = this.options;
    if (!parent) return undefined;
    if (parent.nodeId === nodeId) return { locals: { ...locals, ...this.loopVars } };
    return parent.scope.find(nodeId);
  }

  /**
   * An app variable as a node sees it: what its nearest ancestor that set it gave, then what held when the graph began.
   * It depends on the graph alone, never on which branch was faster.
   */
  variable(nodeId: string, name: string): unknown {
    for (const assigner of this.index.byId.get(nodeId)?.assigners ?? []) {
      const vars = this.settled.get(assigner)?.vars;
      if (vars && Object.hasOwn(vars, name)) return vars[name];
    }
    const { vars, parent, callerVariable } = this.options;
    if (Object.hasOwn(vars, name)) return vars[name];
    if (parent) return parent.scope.variable(parent.nodeId, name);
    return callerVariable?.(name);
  }

  /** App variables that were set up to and in this graph, later nodes over earlier ones. */
  varsAfter(): Record<string, unknown> {
    const all: Record<string, unknown> = { ...this.options.vars };
    for (const node of this.graph.nodes) Object.assign(all, this.settled.get(node.id)?.vars);
    return all;
  }
}

/** The settled state that a stored or fresh record stands for. */
export function settledOf(record: NodeRecord, defaultPort: string): Settled {
  return {
    status: "succeeded",
    port: record.port ?? defaultPort,
    output: record.output,
    ...(record.load ? { load: record.load } : {}),
    vars: record.vars,
  };
}
