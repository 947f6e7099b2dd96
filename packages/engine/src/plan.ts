/**
 * The compiled form of a canvas. A plan is plain JSON: published versions store it, so that running one costs no compile.
 * Graphs list their nodes in topological order; references are resolved; unreachable nodes are gone.
 */

export const PLAN_VERSION = 1;

/** The port that a node leaves by when its type has no named ports. */
export const DEFAULT_PORT = "default";
/** The port of a failed node whose policy is `branch`. */
export const ERROR_PORT = "branch_error";

export type BaseType = "string" | "integer" | "number" | "boolean" | "object" | "list" | "any";

/** A declared type. `items` of a list, `fields` of an object; without them any shape is accepted. */
export interface ValueType {
  type: BaseType;
  /** What the string stands for: a file of some kind, a time (Coze's assistType, by name). */
  assist?: string;
  items?: ValueType;
  fields?: Field[];
}

export interface Field {
  name: string;
  type: ValueType;
  required?: boolean;
  default?: unknown;
  description?: string;
}

export type PathPart = string | number;

/** The languages of expressions: what is text to the plan is looked at in `expressions/`. */
export const EXPRESSION_LANGUAGES = ["jsonata", "jinja"] as const;
export type ExpressionLanguage = (typeof EXPRESSION_LANGUAGES)[number];

/** Whose variable: of the execution, the person, the space, the workflow, or the platform's own. */
export const VARIABLE_SCOPES = ["app", "user", "global", "workflow", "system"] as const;
export type VariableScope = (typeof VARIABLE_SCOPES)[number];

/** Where an input's value comes from. */
export type Source =
  | { kind: "literal"; value: unknown }
  /** An output of a node in this graph or an enclosing one; the enclosing composite itself gives `index`, its inputs and its variables. */
  | { kind: "ref"; node: string; path: PathPart[] }
  /**
   * app: per execution, changed by variable_assign. user, global and workflow: kept between executions. system: read-only.
   */
  | { kind: "variable"; scope: VariableScope; name: string; path: PathPart[] }
  | { kind: "object"; fields: Input[] }
  /** Computed from its own inputs, once, when the node's inputs are read. */
  | { kind: "expression"; language: ExpressionLanguage; text: string; inputs: Input[]; isVolatile?: true };

export interface Input {
  name: string;
  type: ValueType;
  source: Source;
}

export interface RetryPolicy {
  /** Tries after the first. */
  retries: number;
  /** Milliseconds before the second try. */
  delayMs: number;
  /** 1 is constant. */
  backoffRate: number;
  maxDelayMs: number;
  /** Full jitter: each delay is drawn from 0 to its nominal length. */
  jitter: boolean;
}

export interface RetryRule extends RetryPolicy {
  /** Codes of failures; statuses as `http_429` and `http_5xx`. */
  codes: string[];
}

export interface ErrorPolicy {
  /** throw: the execution fails. default: `fallback` is the output. branch: the node leaves by {@link ERROR_PORT}. */
  onError: "throw" | "default" | "branch";
  fallback?: unknown;
  retry?: RetryPolicy;
  /** The first rule that names a failure decides, in place of `retry`. */
  retryOn?: RetryRule[];
  /** Codes of failures that are final. */
  neverRetryOn?: string[];
  /** Milliseconds for the node with all its tries. */
  timeoutMs?: number;
  /** Milliseconds for one try. */
  attemptTimeoutMs?: number;
}

export interface PlanNode {
  id: string;
  type: string;
  title: string;
  /** Parsed by the node type's config schema. */
  config: unknown;
  inputs: Input[];
  outputs: Field[];
  policy: ErrorPolicy;
  effectful: boolean;
  /** Nodes of the same graph that may have set app variables before this one, nearest first. Absent when none can. */
  assigners?: string[];
  /** The inner graph of a loop or batch. */
  body?: PlanGraph;
}

export interface PlanEdge {
  id: string;
  from: string;
  port: string;
  to: string;
  /** The input of the target that it leads to, where the canvas says so (its target handle). */
  input?: string;
}

export interface PlanGraph {
  nodes: PlanNode[];
  edges: PlanEdge[];
}

/** One step of a lane: at most one effectful node, and the cheap nodes that follow it inside the segment. */
export interface PlanStep {
  /** Absent in the only step of a segment without effectful nodes. */
  effect?: string;
}

/** A maximal chain of steps that one lane runs without meeting a fork or a join of effectful work. */
export interface PlanSegment {
  /** The id of its first node. */
  id: string;
  /** Its nodes in topological order. */
  nodes: string[];
  steps: PlanStep[];
  /** Edges from other segments, all into the first node. */
  in: string[];
  /** Edges to other segments. */
  out: string[];
  /** Settling this segment ends the run. */
  finish?: true;
}

export interface Plan {
  v: typeof PLAN_VERSION;
  root: PlanGraph;
  segments: PlanSegment[];
  /** What a caller may pass: the start node's fields. */
  inputs: Field[];
  /** What the run answers: the end node's outputs. */
  outputs: Field[];
  /** The root node whose output is the run's; left out, the end node. Only in a {@link "./partial.ts"} plan. */
  result?: string;
  /** `answer`: the end node renders one text instead of returning variables. */
  answer: boolean;
  /** Nodes at every depth; effectful ones at the root. */
  nodeCount: number;
  effectCount: number;
  /** A wait, question or input node is somewhere inside: a sync run of it may hand over. */
  mayWait: boolean;
  /** Workflows that the plan calls. */
  references: { workflowId: string; version?: string; nodeId: string }[];
  /** Credentials that its nodes use; absent where there are none. */
  credentials?: { credentialId: string; nodeId: string }[];
  /** Models that its nodes use; absent where there are none. */
  models?: { modelId: string; nodeId: string }[];
}
