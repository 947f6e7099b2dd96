import type { CanvasInput } from "../canvas.ts";
import { text } from "../import/builder.ts";
import { DATES } from "./code-dates.ts";
import type { NodeContext, Piece } from "./context.ts";
import type { Mapper } from "./parameters.ts";
import { expressionOf, type Pairs } from "./ports.ts";

/** What code of n8n may use there and not here. */
const MISSING: readonly [pattern: RegExp, what: string][] = [
  [/getBinaryDataBuffer|setBinaryData|prepareBinaryData/, "the content of files"],
  [/\$helpers|this\.helpers|\bfetch\s*\(|\baxios\b/, "requests from code"],
  [/\brequire\s*\(|^\s*import\s/m, "packages"],
  [/\$getWorkflowStaticData|\bgetWorkflowStaticData/, "data that outlives the run"],
  [/\$(?:env|secrets|parameter)\b/, "n8n's own variables"],
  [/\$jmespath|\$fromAI|\$evaluateExpression/, "n8n's own functions"],
  [/\$\(\s*[^"'`\s)]/, "nodes by names that are computed"],
];
const NODE = /\$\(\s*(["'`])(.*?)\1\s*\)|\$node\[\s*(["'`])(.*?)\3\s*\]|\$items\(\s*(["'`])(.*?)\5/g;
const VARIABLE = /\$vars\.([A-Za-z_]\w*)/g;

/** Names that are assigned to, wherever they are declared. */
const ASSIGNED = /(?<![.\w$])([A-Za-z_$][\w$]*)\s*=(?![=>])|\bfor\s*\(\s*([A-Za-z_$][\w$]*)\s+(?:of|in)\b/g;
const NO_NAMES: ReadonlySet<string> = new Set(
  "items item this super async await yield true false null undefined".split(" "),
);

/** Code there may assign to names that it never declared: they are declared around it. Its own declarations come first. */
function undeclared(source: string): string {
  const names = new Set([...source.matchAll(ASSIGNED)].map((match) => match[1] ?? match[2] ?? ""));
  const wanted = [...names].filter((name) => !NO_NAMES.has(name) && !name.startsWith("$"));
  return wanted.length === 0 ? "" : `let ${wanted.join(", ")};`;
}

type Mode = "all" | "each" | "member";

/** What stands before the code, on one line so that its own lines keep their numbers. Files stand beside an item's json. */
function prelude(given: { names: ReadonlyMap<string, string>; workflow: object; source: string; mode: Mode }): string {
  const { names, workflow, source, mode } = given;
  return [
    "async function main({ params }) {",
    "const wrapOne = (given) => { const { $binary: binary, ...json } = given ?? {}; return binary ? { json, binary } : { json }; };",
    "const wrap = (list) => (list ?? []).map(wrapOne);",
    `const names = ${JSON.stringify(Object.fromEntries(names))};`,
    "const known = new Map();",
    'const read = (name) => { if (!Object.hasOwn(names, name)) throw new Error("the node " + name + " is not known to this code");',
    "if (!known.has(name)) known.set(name, wrap(params[names[name]])); return known.get(name); };",
    "const pairOf = (name, at) => { const list = read(name); const places = params[names[name] + '_at'];",
    "const place = places === undefined ? at : places?.[at]; return typeof place === 'number' ? list[place] : undefined; };",
    "const view = (list, item, at, itemMatching) => ({ all: () => list, first: () => list[0], last: () => list.at(-1), ",
    "item, json: item?.json, itemMatching, pairedItem: () => item, isExecuted: list.length > 0 });",
    "const given = wrap(params.items);",
    `const $workflow = ${JSON.stringify(workflow)}; const $execution = { id: params.execution_id, mode: "production" };`,
    "const $vars = params.vars ?? {}; const $runIndex = 0;",
    "const $ifEmpty = (a, b) => (a === undefined || a === null || a === '' || (typeof a === 'object' && Object.keys(a).length === 0) ? b : a);",
    "const $if = (test, yes, no) => (test ? yes : no); const $max = Math.max; const $min = Math.min;",
    /\$now|\$today|\bDateTime\b/.test(source) ? DATES : "",
    "const run = async (items, $itemIndex) => { ",
    "const $ = (name) => view(read(name), pairOf(name, $itemIndex), $itemIndex, (i) => pairOf(name, i)); const $items = (name) => name === undefined ? items : read(name);",
    "const $node = new Proxy({}, { get: (_none, name) => { const list = read(name); const one = list.length === 1 ? list[0] : list[$itemIndex]; return view(list, one, $itemIndex); } });",
    `const $input = view(items, items[$itemIndex], $itemIndex, (i) => items[i]); let item = items[$itemIndex]${mode === "member" ? "?.json" : ""};`,
    "const $json = items[$itemIndex]?.json; const $binary = items[$itemIndex]?.binary;",
    `return await (async () => { ${undeclared(source)} return await (async () => { `,
  ].join(" ");
}

/** Gathers what the code gave: items as n8n takes them, what each was made of, and what failed. */
function ending(mode: Mode, onFail: NodeContext["onFail"]): string {
  const told = "{ error: String(thrown?.message ?? thrown) }";
  const failed = {
    stop: "throw thrown;",
    items: `made.push({ json: ${told} }); said.push(at);`,
    branch: `failed.push({ ...(isAll ? {} : given[at]?.json), ...${told} }); failedAt.push(at);`,
  }[onFail];
  return [
    "\n})(); })(); };",
    `const isAll = ${mode === "all"};`,
    "const made = []; const said = []; const failed = []; const failedAt = [];",
    "const take = (value, at) => { for (const one of Array.isArray(value) ? value : [value]) { if (one === null || one === undefined) continue;",
    "made.push(one); const own = one?.pairedItem; said.push(own === undefined ? (isAll ? null : at) : Array.isArray(own) ? own[0] ?? null : own); } };",
    `const turn = async (at) => { try { take(await run(given, at), at); } catch (thrown) { ${failed} } };`,
    "if (isAll) await turn(0); else for (let at = 0; at < given.length; at++) await turn(at);",
    "const isItem = (one) => typeof one === 'object' && ('json' in one || 'binary' in one);",
    "const items = made.map((one) => isItem(one) ? { ...(one.json ?? {}), ...(one.binary && Object.keys(one.binary).length > 0 ? { $binary: one.binary } : {}) } : one);",
    "return { items, said, failed, failedAt }; }",
  ].join(" ");
}

function modeOf(context: NodeContext): Mode {
  if (context.node.type.endsWith(".functionItem")) return "member";
  return context.node.parameters.mode === "runOnceForEachItem" ? "each" : "all";
}

/** JavaScript of n8n as a code node: what it knows of items stands around it. */
export const code: Mapper = (context): Piece => {
  const { parameters } = context.node;
  const language = text(parameters.language) ?? "javaScript";
  const source = text(parameters.jsCode) ?? text(parameters.functionCode) ?? "";
  if (language !== "javaScript")
    context.notes.block("Python of n8n reads items in its own way: write it anew as a code node");
  for (const [pattern, what] of MISSING)
    if (pattern.test(source)) context.notes.block(`its code uses ${what}, which code does not have here`);
  const inputs: CanvasInput[] = [
    { name: "items", type: "list", ...context.items() },
    { name: "execution_id", variable: "system.sys_execution_id" },
  ];
  if (/\$now|\$today|\bDateTime\b/.test(source)) {
    context.notes.change("dates are in UTC");
    inputs.push({ name: "now", expression: "$millis()" });
  }
  const names = nodesOf(context, source, inputs);
  const variables = [...new Set([...source.matchAll(VARIABLE)].map((match) => match[1] ?? ""))];
  if (variables.length > 0) {
    for (const name of variables) context.notes.change(`$vars.${name} is the variable "${name}" of the space`);
    inputs.push({ name: "vars", fields: variables.map((name) => ({ name, variable: `global.${name}` })) });
  }
  const mode = modeOf(context);
  const { id, name } = context.workflow;
  const program = prelude({ names, workflow: { id, name, active: true }, source, mode }) + source;
  const outputs = ["items", "said", "failed", "failedAt"].map((one) => ({ name: one, type: "list" as const }));
  const config = { language: "javascript", code: program + ending(mode, context.onFail) };
  const own = context.id;
  const given = [{ ref: `${own}.items` }, { ref: `${own}.said` }, context.items()];
  const pairs: Pairs[] = [
    [expressionOf((found) => `$items_code_places(${found.join(", ")})`, given)],
    [{ ref: `${own}.failedAt` }],
  ];
  const isBranch = context.onFail === "branch";
  return {
    nodes: [{ id: own, type: "code", data: { config, inputs, outputs } }],
    edges: [],
    entry: own,
    exits: isBranch ? [{ id: own }, { id: own }] : [{ id: own }],
    items: isBranch ? [`${own}.items`, `${own}.failed`] : [`${own}.items`],
    pairs,
  };
};

/** The items of the nodes that the code names, and which of them belong to its own. */
function nodesOf(context: NodeContext, source: string, inputs: CanvasInput[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const match of source.matchAll(NODE)) {
    const name = match[2] ?? match[4] ?? match[6] ?? "";
    if (names.has(name)) continue;
    const ref = context.refOf(name);
    if (ref === undefined) {
      context.notes.block(`its code reads "${name}", which does not come before it`);
      continue;
    }
    const input = `node_${names.size}`;
    names.set(name, input);
    inputs.push({ name: input, type: "list", ref });
    const after = source.slice((match.index ?? 0) + match[0].length).trimStart();
    if (match[2] === undefined || !/^\??\.\s*(item|pairedItem)/.test(after)) continue;
    const pair = context.pairOf(name);
    if (pair === undefined)
      context.notes.change(`it is not known which item of "${name}" belongs to an item: it is taken by its place`);
    else if (pair.places !== "same") inputs.push({ name: `${input}_at`, type: "list", ...pair.places });
  }
  return names;
}
