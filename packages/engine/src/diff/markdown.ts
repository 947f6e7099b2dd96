import type { CanvasDiff, EdgeName, NodeName } from "../diff.ts";
import type { FieldChange } from "./contract.ts";
import type { ValueChange } from "./values.ts";

/** Characters of a value that are shown; the whole of it is in the diff itself. */
const MAX_SHOWN = 200;

/** The diff for people to read. Whatever stands in the canvases is shown as code and cannot become markup. */
export function diffMarkdown(diff: CanvasDiff, names: { from: string; to: string }): string {
  const head = `# ${names.from} → ${names.to}`;
  if (diff.isSame) return `${head}\n\nNo difference.\n`;
  const { nodes, edges, inputs, outputs, breaking, viewport } = diff;
  const parts = [
    section(
      "Breaking for callers",
      breaking.map(({ path, message }) => `- ${code(path)} ${message}`),
    ),
    section("Inputs", inputs.map(fieldLine)),
    section("Outputs", outputs.map(fieldLine)),
    section("Nodes", [
      ...nodes.added.map((node) => `- added ${nodeText(node)}`),
      ...nodes.removed.map((node) => `- removed ${nodeText(node)}`),
      ...nodes.changed
        .filter(({ changes }) => changes.length > 0)
        .flatMap((node) => [`- changed ${nodeText(node)}`, ...[...node.changes, ...node.layout].map(changeLine)]),
    ]),
    section("Edges", [
      ...edges.added.map((edge) => `- added ${edgeText(edge)}`),
      ...edges.removed.map((edge) => `- removed ${edgeText(edge)}`),
    ]),
    section("Layout only", [
      ...nodes.changed
        .filter(({ changes }) => changes.length === 0)
        .flatMap((node) => [`- ${nodeText(node)}`, ...node.layout.map(changeLine)]),
      ...(viewport.length > 0 ? ["- the viewport"] : []),
    ]),
  ];
  return `${[head, ...parts.filter((part) => part !== "")].join("\n\n")}\n`;
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `## ${title}\n\n${lines.join("\n")}`;
}

function nodeText({ id, type, title, parentId }: NodeName): string {
  return `${code(id)} (${type}, ${code(title)})${parentId === null ? "" : ` in ${code(parentId)}`}`;
}

function edgeText({ source, sourceHandle, target, targetHandle, parentId }: EdgeName): string {
  const end = (id: string, handle: string | null) => code(handle === null ? id : `${id}:${handle}`);
  const inside = parentId === null ? "" : ` in ${code(parentId)}`;
  return `${end(source, sourceHandle)} → ${end(target, targetHandle)}${inside}`;
}

function changeLine({ pointer, kind, from, to }: ValueChange): string {
  const line = `  - ${code(pointer)}`;
  if (kind === "added") return `${line} added: ${json(to)}`;
  return kind === "removed" ? `${line} removed: ${json(from)}` : `${line} ${kind}: ${json(from)} → ${json(to)}`;
}

function fieldLine({ name, kind, from, to }: FieldChange): string {
  const line = `- ${kind} ${code(name)}`;
  const shown = [from, to].flatMap((field) => (field ? [json(field)] : []));
  return `${line}: ${shown.join(" → ")}`;
}

function json(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return code(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

/** A code span that its text cannot end: the fence is longer than any run of backticks in it. */
function code(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = line === "" || line.startsWith("`") || line.endsWith("`") ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}
