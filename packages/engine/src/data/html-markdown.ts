import type { ChildNode, Document, Element, ParentNode } from "domhandler";
import { refuse } from "../items/items.ts";
import { MAX_MARKUP } from "../limits.ts";

const SKIPPED = new Set(["script", "style", "noscript", "template", "head", "title", "iframe", "object", "svg"]);
const BLOCKS = new Set(
  "address article aside body div dl dt dd fieldset figcaption figure footer form header html main nav p section".split(
    " ",
  ),
);
/** What Markdown would read as its own. */
const SPECIAL = /[\\`*_[\]<>]/g;
const LINE_START = /^(\s*\d*)([#+.)-])(?=\s)/gm;
const SPACE = /[ \t\r\n\f]+/g;
const BLANK_LINES = /\n{3,}/g;

function isElement(node: ChildNode): node is Element {
  return "name" in node && "attribs" in node;
}

function textOf(node: ParentNode): string {
  return node.children
    .map((child) => (isElement(child) ? textOf(child) : "data" in child && child.type === "text" ? child.data : ""))
    .join("");
}

function inline(node: ParentNode): string {
  let text = "";
  for (const child of node.children) text += write(child);
  // Quotes in quotes grow with each level.
  if (text.length > MAX_MARKUP * 2) throw refuse("too_large", "the Markdown would be too long");
  return text;
}

const block = (text: string): string => {
  const body = text.trim();
  return body === "" ? "" : `\n\n${body}\n\n`;
};

function marked(mark: string, element: Element): string {
  const text = inline(element);
  const body = text.trim();
  if (body === "") return text;
  // Marks must touch what they mark.
  const before = text.slice(0, text.length - text.trimStart().length);
  return `${before}${mark}${body}${mark}${text.slice(text.trimEnd().length)}`;
}

/** An address as it may stand in brackets; empty for those that run code. */
function address(url: string | undefined): string {
  const text = (url ?? "").replace(/[\p{Cc} ]+/gu, "");
  if (/^(javascript|vbscript|data):/i.test(text) && !/^data:image\/(png|gif|jpe?g|webp);/i.test(text)) return "";
  return text.replace(/[()<>\\]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
}

function fence(text: string, least: number): string {
  let longest = 0;
  for (const run of text.match(/`+/g) ?? []) longest = Math.max(longest, run.length);
  return "`".repeat(Math.max(least, longest + 1));
}

function code(element: Element): string {
  const text = textOf(element).replace(SPACE, " ");
  if (text.trim() === "") return "";
  const mark = fence(text, 1);
  const pad = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${mark}${pad}${text}${pad}${mark}`;
}

function pre(element: Element): string {
  const text = textOf(element).replace(/\n$/, "");
  const inner = element.children.find((child): child is Element => isElement(child) && child.name === "code");
  const language = /(?:^|\s)lang(?:uage)?-([\w+#-]{1,40})/.exec(inner?.attribs.class ?? "")?.[1] ?? "";
  const mark = fence(text, 3);
  return `\n\n${mark}${language}\n${text}\n${mark}\n\n`;
}

function indent(text: string, by: string): string {
  return text.replace(/\n(?=[^\n])/g, `\n${by}`);
}

function list(element: Element): string {
  const isOrdered = element.name === "ol";
  const first = Number.parseInt(element.attribs.start ?? "1", 10);
  let number = Number.isSafeInteger(first) && first >= 0 ? first : 1;
  const items: string[] = [];
  for (const child of element.children) {
    if (!isElement(child)) continue;
    const mark = isOrdered ? `${number++}. ` : "- ";
    const body = inline(child)
      .trim()
      .replace(BLANK_LINES, "\n\n")
      .replace(/\n\n(?=\s*([-*]|\d+\.) )/g, "\n");
    items.push(mark + indent(body, " ".repeat(mark.length)));
  }
  return block(items.join("\n"));
}

function rowsOf(element: Element): Element[] {
  return element.children.flatMap((child) => {
    if (!isElement(child)) return [];
    if (child.name === "tr") return [child];
    return child.name === "table" ? [] : rowsOf(child);
  });
}

function table(element: Element): string {
  const rows = rowsOf(element).map((row) =>
    row.children
      .filter((cell): cell is Element => isElement(cell) && (cell.name === "td" || cell.name === "th"))
      .map((cell) => inline(cell).trim().replace(/\n+/g, " ").replaceAll("|", "\\|")),
  );
  const [head, ...rest] = rows.filter((row) => row.length > 0);
  if (!head) return block(inline(element));
  const line = (cells: readonly string[]): string => `| ${head.map((_none, at) => cells[at] ?? "").join(" | ")} |`;
  return block([line(head), line(head.map(() => "---")), ...rest.map(line)].join("\n"));
}

function link(node: Element): string {
  const text = inline(node).trim();
  const to = address(node.attribs.href);
  return to === "" ? text : `[${text.replace(/\n+/g, " ")}](${to})`;
}

function image({ attribs }: Element): string {
  const from = address(attribs.src);
  return from === "" ? "" : `![${(attribs.alt ?? "").replace(SPACE, " ").replace(SPECIAL, "\\$&")}](${from})`;
}

function element(node: Element): string {
  const { name } = node;
  const heading = /^h([1-6])$/.exec(name);
  if (SKIPPED.has(name)) return "";
  if (heading) return block(`${"#".repeat(Number(heading[1]))} ${inline(node).trim().replace(/\n+/g, " ")}`);
  if (BLOCKS.has(name)) return block(inline(node));
  switch (name) {
    case "br":
      return "  \n";
    case "hr":
      return "\n\n---\n\n";
    case "strong":
    case "b":
      return marked("**", node);
    case "em":
    case "i":
      return marked("*", node);
    case "del":
    case "s":
      return marked("~~", node);
    case "code":
    case "kbd":
      return code(node);
    case "pre":
      return pre(node);
    case "a":
      return link(node);
    case "img":
      return image(node);
    case "ul":
    case "ol":
      return list(node);
    case "blockquote":
      return block(`> ${inline(node).trim().replace(BLANK_LINES, "\n\n").replace(/\n/g, "\n> ")}`);
    case "table":
      return table(node);
    default:
      return inline(node);
  }
}

function write(node: ChildNode): string {
  if (isElement(node)) return element(node);
  if (node.type !== "text" || !("data" in node)) return "";
  return node.data.replace(SPACE, " ").replace(SPECIAL, "\\$&").replace(LINE_START, "$1\\$2");
}

/** The Markdown of a document whose depth is bounded. HTML that Markdown has no form for becomes its text. */
export function toMarkdown(root: Document): string {
  const lines = inline(root).split("\n");
  const kept: string[] = [];
  let mark: string | undefined;
  for (const line of lines) {
    const fenced = /^\s*(`{3,})/.exec(line)?.[1];
    const isBreak = /\S {2}$/.test(line);
    const text = mark !== undefined ? line : line.trim() === "" ? "" : isBreak ? line : line.trimEnd();
    if (mark === undefined) mark = fenced;
    else if (fenced === mark) mark = undefined;
    // Blank lines in a row are one, save in code.
    if (text !== "" || mark !== undefined || kept.at(-1) !== "") kept.push(text);
  }
  return kept.join("\n").trim();
}
