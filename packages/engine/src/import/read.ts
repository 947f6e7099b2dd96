import { invalidField } from "@weft/kernel/errors";
import { type CanvasNode, readCanvas } from "../canvas.ts";
import { isCozeCanvas } from "../coze.ts";
import { isDifyApp, readDifyApp } from "../dify/read.ts";
import { isN8nWorkflow, readN8nWorkflow } from "../n8n/read.ts";
import { nodeTypes } from "../nodes/index.ts";
import { isRecord } from "../values/json.ts";
import { type ImportFormat, PACKAGE_FORMAT } from "./formats.ts";
import { type ImportBindings, type Imported, type NodeReport, reportOf } from "./report.ts";

/** What a file is, by its form. */
export function formatOf(raw: Record<string, unknown>): Exclude<ImportFormat, "auto"> {
  if (raw.format === PACKAGE_FORMAT) return "package";
  if (isN8nWorkflow(raw)) return "n8n";
  if (isDifyApp(raw)) return "dify";
  return isCozeCanvas(unwrapped(raw)) ? "coze" : "weft";
}

/** Coze's clipboard holds the canvas in a member of its own. */
function unwrapped(raw: Record<string, unknown>): Record<string, unknown> {
  return isRecord(raw.json) && Array.isArray(raw.json.nodes) ? raw.json : raw;
}

function reports(nodes: readonly CanvasNode[]): NodeReport[] {
  return nodes.flatMap((node) => {
    const isHere = nodeTypes.has(node.type) && node.type !== "placeholder";
    const own: NodeReport = {
      nodeId: node.id,
      externalId: node.id,
      name: node.data.label ?? node.id,
      from: node.type,
      to: node.type,
      fidelity: isHere ? "exact" : "placeholder",
      notes: isHere ? [] : [`nodes of type "${node.type}" are not available here`],
      expressions: [],
    };
    return [own, ...reports(node.data.body?.nodes ?? [])];
  });
}

/**
 * Reads a workflow of the system that `format` names. `bindings` are ids of workflows and credentials there and what they are here. Throws
 * AppError `invalid_input` where it cannot be read.
 */
export function readImport(
  raw: Record<string, unknown>,
  format: Exclude<ImportFormat, "auto" | "package">,
  bindings: Partial<ImportBindings>,
): Imported & { original: unknown } {
  switch (format) {
    case "n8n":
      if (!isN8nWorkflow(raw)) throw invalidField("canvas", "a workflow of n8n has nodes and connections");
      return { ...readN8nWorkflow(raw, bindings), original: undefined };
    case "dify":
      if (!isDifyApp(raw)) throw invalidField("canvas", "an app of Dify has the members app and workflow");
      return { ...readDifyApp(raw, bindings), original: undefined };
    case "coze": {
      const inner = unwrapped(raw);
      const canvas = readCanvas(inner);
      return { canvas, report: reportOf("coze", reports(canvas.nodes)), original: inner };
    }
    case "weft": {
      const canvas = readCanvas(raw);
      return { canvas, report: reportOf("weft", reports(canvas.nodes)), original: undefined };
    }
  }
}
