import { AppError } from "@weft/kernel/errors";
import { MAX_ISSUES } from "../limits.ts";

/** What kind of problem it is; stable. */
export type IssueCode =
  | "duplicate_id"
  | "dangling_edge"
  | "cycle"
  | "unknown_type"
  | "unavailable_type"
  | "missing_node"
  | "misplaced_node"
  | "unreachable_end"
  | "unknown_port"
  | "unconnected_port"
  | "bad_reference"
  | "bad_variable"
  | "bad_name"
  | "bad_config"
  | "bad_expression"
  | "bad_value"
  | "unbound_model"
  | "too_deep";

/** One problem of a canvas. An error keeps it from being run; a warning does not. */
export interface Issue {
  code: IssueCode;
  nodeId?: string;
  edgeId?: string;
  /** `nodes.<id>.data.config…` or `edges.<id>`. */
  path: string;
  message: string;
  severity: "error" | "warning";
}

/** Gathers issues up to a limit. */
export class Issues {
  readonly list: Issue[] = [];

  #add(issue: Issue): void {
    if (this.list.length < MAX_ISSUES) this.list.push(issue);
  }

  /** A problem of a node; `path` is relative to it. */
  node(code: IssueCode, nodeId: string, path: string, message: string, severity: Issue["severity"] = "error"): void {
    this.#add({ code, nodeId, path: path === "" ? `nodes.${nodeId}` : `nodes.${nodeId}.${path}`, message, severity });
  }

  edge(code: IssueCode, edgeId: string, message: string, nodeId?: string): void {
    this.#add({ code, edgeId, ...(nodeId ? { nodeId } : {}), path: `edges.${edgeId}`, message, severity: "error" });
  }

  canvas(code: IssueCode, message: string): void {
    this.#add({ code, path: "nodes", message, severity: "error" });
  }
}

/** Whether the canvas cannot be run. */
export function hasErrors(issues: readonly Issue[]): boolean {
  return issues.some((issue) => issue.severity === "error");
}

/** Faults of the graph itself, which no further editing of single nodes explains. */
const MALFORMED: ReadonlySet<IssueCode> = new Set<IssueCode>([
  "duplicate_id",
  "dangling_edge",
  "cycle",
  "unknown_type",
  "bad_reference",
  "bad_variable",
  "too_deep",
]);

/**
 * Whether the issue is a fault of the graph: a cycle, an edge or a reference to nothing, an id that is there twice, a type
 * that does not exist. What is merely unfinished (an empty configuration, a loose port, no end) is not.
 */
export function isMalformed(issue: Issue): boolean {
  return issue.severity === "error" && MALFORMED.has(issue.code);
}

/** `invalid_input` that names the nodes, for callers who need a canvas without errors. */
export function issuesError(issues: readonly Issue[]): AppError {
  const errors = issues.filter((issue) => issue.severity === "error");
  const first = errors[0];
  return new AppError("invalid_input", first ? `${first.path}: ${first.message}` : "the canvas is not valid", {
    details: { issues: errors },
  });
}
