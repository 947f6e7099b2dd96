import type { Canvas } from "../canvas.ts";

/** Ids of another system and what they are here. */
export interface ImportBindings {
  workflows: Readonly<Record<string, string>>;
  /** By id, or by name where there is no id. */
  credentials: Readonly<Record<string, string>>;
}

/** exact: it does what it did. changed: it runs, with the differences that are named. placeholder: it cannot run here. */
export type Fidelity = "exact" | "changed" | "placeholder";

/** What became of one expression of another system. */
export interface ExpressionReport {
  /** Where it stood in the node, by the other system's names. */
  path: string;
  from: string;
  /** What it is here; absent where it could not be translated. */
  to?: string;
  reason?: string;
}

/** What became of one node. */
export interface NodeReport {
  /** The id here. */
  nodeId: string;
  /** Its id or name there. */
  externalId: string;
  name: string;
  /** Its type there, and what it is here. */
  from: string;
  to: string;
  fidelity: Fidelity;
  /** What is different, or why it is a placeholder. */
  notes: string[];
  expressions: ExpressionReport[];
}

/** What began the workflow there, for whoever sets it up anew. */
export interface ImportedTrigger {
  nodeId: string;
  name: string;
  /** Its type there. */
  type: string;
  kind: "manual" | "workflow" | "schedule" | "webhook" | "error" | "form" | "chat" | "service";
  config: Record<string, unknown>;
}

/** A credential there that nothing here was named for. */
export interface UnboundCredential {
  /** Its id there, else its name or type: what `bindings.credentials` takes. */
  externalId: string;
  type: string;
  name?: string;
}

/** How faithfully a workflow was taken over. */
export interface ImportReport {
  format: "weft" | "coze" | "n8n" | "dify" | "package";
  nodes: NodeReport[];
  counts: { exact: number; changed: number; placeholder: number };
  expressions: { translated: number; untranslated: number };
  triggers: ImportedTrigger[];
  credentials: (UnboundCredential & { nodeId: string })[];
  /** What concerns the workflow as a whole. */
  notes: string[];
}

/** A workflow of another system, read. */
export interface Imported {
  name?: string;
  description?: string;
  /** It holds a conversation there. */
  isChat?: boolean;
  canvas: Canvas;
  report: ImportReport;
}

/** The report of what was read, counted. */
export function reportOf(
  format: ImportReport["format"],
  nodes: NodeReport[],
  more: Partial<Pick<ImportReport, "notes" | "triggers" | "credentials">> = {},
): ImportReport {
  const counts = { exact: 0, changed: 0, placeholder: 0 };
  const expressions = { translated: 0, untranslated: 0 };
  for (const node of nodes) {
    counts[node.fidelity] += 1;
    for (const { to } of node.expressions) expressions[to === undefined ? "untranslated" : "translated"] += 1;
  }
  const { notes = [], triggers = [], credentials = [] } = more;
  return { format, nodes, counts, expressions, triggers, credentials, notes };
}
