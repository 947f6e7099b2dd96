import type { CanvasInput } from "../canvas.ts";
import { text } from "../import/builder.ts";
import type { NodeContext, Piece } from "./context.ts";
import { pass } from "./lists.ts";

/** What code of n8n may use there and not here. */
const MISSING: readonly [pattern: RegExp, what: string][] = [
  [/\$binary|\.binary\b|getBinaryDataBuffer/, "files beside the items"],
  [/\$helpers|this\.helpers|\bfetch\s*\(|\baxios\b/, "requests from code"],
  [/\brequire\s*\(|^\s*import\s/m, "packages"],
  [/\$getWorkflowStaticData|\bgetWorkflowStaticData/, "data that outlives the run"],
  [/\$(?:env|vars|secrets|execution|workflow|runIndex|prevNode|parameter)\b/, "n8n's own variables"],
  [/\$jmespath|\$fromAI|\$now\b|\$today\b|\bDateTime\b/, "n8n's own functions"],
];
const NODE = /\$\(\s*(["'`])(.*?)\1\s*\)|\$node\[\s*(["'`])(.*?)\3\s*\]|\$items\(\s*(["'`])(.*?)\5/g;

/** What stands before the code, on one line so that its own lines keep their numbers. */
function prelude(names: ReadonlyMap<string, string>): string {
  return [
    "async function main({ params }) {",
    "const wrap = (list) => (list ?? []).map((json) => ({ json }));",
    "const view = (list, at) => ({ all: () => list, first: () => list[0], last: () => list.at(-1), ",
    "item: list[at] ?? list[0], json: (list[at] ?? list[0])?.json, itemMatching: (i) => list[i] });",
    `const names = ${JSON.stringify(Object.fromEntries(names))};`,
    "const read = (name) => wrap(Object.hasOwn(names, name) ? params[names[name]] : []);",
    "const given = wrap(params.items);",
    "const run = async (items, at) => { ",
    "const $ = (name) => view(read(name), at); const $items = (name) => read(name);",
    "const $node = new Proxy({}, { get: (_none, name) => view(read(name), at) });",
    "const $input = view(items, at); const item = items[at]; const $json = item?.json; const $itemIndex = at;",
    "return await (async () => { ",
  ].join(" ");
}

function ending(isEach: boolean): string {
  const all = isEach
    ? "const results = []; for (let at = 0; at < given.length; at++) results.push(await run(given, at));"
    : "const results = [await run(given, 0)];";
  return [
    "\n})(); };",
    all,
    "const items = results.flat().filter((one) => one !== null && one !== undefined)",
    '.map((one) => (typeof one === "object" && "json" in one ? one.json : one));',
    "return { items }; }",
  ].join(" ");
}

/** JavaScript of n8n as a code node: what it knows of items stands around it. */
export function code(context: NodeContext): Piece {
  const { parameters } = context.node;
  const language = text(parameters.language) ?? "javaScript";
  const source = text(parameters.jsCode) ?? text(parameters.functionCode) ?? "";
  if (language !== "javaScript")
    context.notes.block("Python of n8n reads items in its own way: write it anew as a code node");
  for (const [pattern, what] of MISSING)
    if (pattern.test(source)) context.notes.block(`its code uses ${what}, which code does not have here`);
  const names = new Map<string, string>();
  const inputs: CanvasInput[] = [{ name: "items", type: "list", ...context.items() }];
  for (const match of source.matchAll(NODE)) {
    const name = match[2] ?? match[4] ?? match[6] ?? "";
    const ref = context.refOf(name);
    if (ref === undefined) context.notes.block(`its code reads "${name}", which does not come before it`);
    else if (!names.has(name)) {
      const input = `node_${names.size}`;
      names.set(name, input);
      inputs.push({ name: input, type: "list", ref });
    }
  }
  if (names.size > 0) context.notes.change("the item of another node that belongs to an item is taken by its place");
  const program = prelude(names) + source + ending(parameters.mode === "runOnceForEachItem");
  const piece = pass(context);
  const [node] = piece.nodes;
  if (node) {
    node.type = "code";
    node.data = {
      config: { language: "javascript", code: program },
      inputs,
      outputs: [{ name: "items", type: "list" }],
    };
  }
  return piece;
}
