import type { CanvasInput, CanvasType } from "../canvas.ts";
import { list, type Notes, text } from "../import/builder.ts";
import { formatPath } from "../values/path.ts";

/** A reference inside a text of Dify: `{{#node.name.member#}}`. */
const PLACE = /\{\{#([A-Za-z0-9_-]{1,64}(?:\.[^#{}\n]{1,200}?)?)#\}\}/g;

/** Outputs that have another name here, by the type of their node there. */
const OUTPUT_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "http-request": { status_code: "statusCode" },
};

type Source = Omit<CanvasInput, "name">;

/** What the nodes of one app have to know of each other. */
export interface DifyApp {
  /** Our id for Dify's. */
  idOf(difyId: string): string;
  /** Dify's type of the node, undefined where there is none. */
  typeOf(difyId: string): string | undefined;
  startId: string;
  environment: ReadonlyMap<string, { value: unknown; isSecret: boolean }>;
  /** Values that conversation variables begin with. */
  conversation: ReadonlyMap<string, unknown>;
  isChat: boolean;
  /** Credentials by the id of the node that needs one, and here. */
  credentials: Readonly<Record<string, string>>;
}

const TYPES: Readonly<Record<string, CanvasType>> = {
  string: "string",
  secret: "string",
  number: "number",
  integer: "integer",
  float: "number",
  boolean: "boolean",
  object: "object",
  file: "string",
  "array[string]": { type: "list", items: "string" },
  "array[number]": { type: "list", items: "number" },
  "array[object]": { type: "list", items: "object" },
  "array[file]": { type: "list", items: "string" },
  "array[boolean]": { type: "list", items: "boolean" },
};

/** Our type for a type word of Dify. */
export function difyType(word: unknown): CanvasType {
  return (typeof word === "string" && Object.hasOwn(TYPES, word) && TYPES[word]) || "any";
}

/** Where a value selector leads. */
export function selectorSource(app: DifyApp, selector: unknown, notes: Notes): Source {
  const parts = list(selector)
    .map(String)
    .flatMap((part, at) => (at > 0 && part.startsWith("sys.") ? ["sys", part.slice(4)] : [part]));
  const path = parts[1] === "sys" ? parts.slice(1) : parts;
  const [first = "", ...rest] = path;
  if (first === "") return { value: null };
  if (first === "sys") return systemSource(app, rest, notes);
  if (first === "env") {
    const variable = app.environment.get(rest[0] ?? "");
    if (variable?.isSecret) {
      notes.change(`the secret "${rest[0]}" was left out: it is the variable of that name of the space`);
      return { variable: formatPath(["global", rest[0] ?? ""]) };
    }
    return { value: variable?.value ?? null };
  }
  if (first === "conversation") return conversationSource(app, rest);
  const type = app.typeOf(first);
  if (type === undefined) {
    notes.change(`"${path.join(".")}" refers to a node that is not there, and is empty`);
    return { value: null };
  }
  const names = OUTPUT_NAMES[type] ?? {};
  const [output, ...deeper] = rest;
  const of = (member: string): string => formatPath([app.idOf(first), ...member.split(".")]);
  if (output === "error_message") return { ref: of("errorBody.errorMessage") };
  if (output === "error_type") {
    notes.change("`error_type` is the code that failures have here");
    return { ref: of("errorBody.errorCode") };
  }
  const written = Object.hasOwn(WRITTEN, `${type}.${output}`) ? WRITTEN[`${type}.${output}`] : undefined;
  if (written !== undefined) return computed(written, { ref: of(output ?? "") }, deeper);
  const name = output === undefined ? [] : [Object.hasOwn(names, output) ? (names[output] ?? output) : output];
  // Groups of an aggregator hold their value in a member of their own there.
  const inner =
    type === "variable-aggregator" && output !== "output" && deeper[0] === "output" ? deeper.slice(1) : deeper;
  return { ref: formatPath([app.idOf(first), ...name, ...inner]) };
}

/** Outputs that have another form here, as JSONata over what they are. */
const WRITTEN: Readonly<Record<string, string>> = {
  "http-request.headers": "$js_parseJson(v)",
  "http-request.files": "$items_list($js_nullish(v) ? [] : [v])",
  // The lists that turns give become one.
  "iteration.output": "$items_unnested(v)",
};

function computed(expression: string, source: Source, path: readonly string[]): Source {
  const inputs = [{ name: "v", ...source }];
  const written = path.length === 0 ? expression : `$items_read(${expression}, ${JSON.stringify(path.join("."))})`;
  return { expression: { text: written, inputs } };
}

/** A conversation variable, which has a value before it was ever set. */
function conversationSource(app: DifyApp, [name = "", ...path]: string[]): Source {
  const usual = JSON.stringify(app.conversation.get(name) ?? null);
  return computed(`($js_nullish(v) ? ${usual} : v)`, { variable: formatPath(["app", name]) }, path);
}

const SYSTEM: Readonly<Record<string, string>> = {
  user_id: "system.sys_uuid",
  workflow_id: "system.sys_workflow_id",
  app_id: "system.sys_workflow_id",
  workflow_run_id: "system.sys_execution_id",
};

function systemSource(app: DifyApp, [name = "", ...rest]: string[], notes: Notes): Source {
  if (name === "query" || name === "files") {
    if (name === "query" && !app.isChat) notes.change("sys.query is the input `query` of the start node");
    return { ref: formatPath([app.startId, name, ...rest]) };
  }
  if (Object.hasOwn(SYSTEM, name)) return { variable: SYSTEM[name] as string };
  notes.change(`sys.${name} is not known here and is empty`);
  return { value: null };
}

function wordsOf({ ref, variable, expression, value }: Source): string {
  if (typeof expression === "object") return expression.text;
  return ref ?? variable ?? JSON.stringify(value);
}

/**
 * A text with Dify's places as an input: a literal, the reference itself where it is all there is, else a template that
 * puts the values in once. What the text holds beside its places is never read as a template.
 */
export function textSource(app: DifyApp, given: unknown, notes: Notes, path: string): Source {
  const template = text(given) ?? "";
  const inputs: CanvasInput[] = [];
  let jinja = "";
  let from = 0;
  const literal = (part: string): string => {
    if (!/[{}%#]/.test(part)) return part;
    inputs.push({ name: `t${inputs.length}`, value: part });
    return `{{ t${inputs.length - 1} }}`;
  };
  for (const match of template.matchAll(PLACE)) {
    const source = selectorSource(app, (match[1] ?? "").split("."), notes);
    notes.expressions.push({ path, from: match[0], to: wordsOf(source) });
    if (match[0] === template.trim()) return source;
    jinja += literal(template.slice(from, match.index));
    inputs.push({ name: `v${inputs.length}`, type: "string", ...source });
    jinja += `{{ v${inputs.length - 1} }}`;
    from = match.index + match[0].length;
  }
  if (inputs.length === 0) return { value: template };
  // The interpreter drops one line end at the end of a template.
  const rest = template.slice(from);
  jinja += rest.endsWith("\n") ? `${literal(rest.slice(0, -1))}{{ "\\n" }}` : literal(rest);
  return { jinja: { text: jinja, inputs } };
}
