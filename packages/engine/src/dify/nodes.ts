import type { CanvasField, CanvasInput, CanvasNode } from "../canvas.ts";
import { expressionProblem } from "../expressions/evaluate.ts";
import { InputList, list, type Notes, record, records, text } from "../import/builder.ts";
import { unbound } from "../import/unbound.ts";
import { branchOf } from "./conditions.ts";
import { listOperator } from "./lists.ts";
import { missingPackages } from "./python.ts";
import { type DifyApp, difyType, selectorSource, textSource } from "./values.ts";

export interface DifyNode {
  id: string;
  data: Record<string, unknown>;
}
type Data = CanvasNode["data"];
/** What becomes of a node: its type and data here. Ports are Dify's handles by ours. */
export interface Mapped {
  type: string;
  data: Data;
  ports?: ReadonlyMap<string, string>;
}
type Mapper = (app: DifyApp, node: DifyNode, notes: Notes) => Mapped;

const FIELD_TYPES: Readonly<Record<string, CanvasField["type"]>> = {
  "text-input": "string",
  paragraph: "string",
  select: "string",
  number: "number",
  checkbox: "boolean",
  file: { type: "string", assist: "file" },
  "file-list": { type: "list", items: { type: "string", assist: "file" } },
  json_object: "object",
};

const start: Mapper = (app, { data }, notes) => {
  const outputs = records(data.variables).map((variable): CanvasField => {
    const word = text(variable.type) ?? "";
    const fallback = variable.default;
    return {
      name: text(variable.variable) || "value",
      type: FIELD_TYPES[word] ?? "any",
      ...(variable.required === true ? { required: true } : {}),
      ...(fallback === undefined || fallback === null || fallback === "" ? {} : { default: fallback }),
      ...(text(variable.label) ? { description: (text(variable.label) ?? "").slice(0, 4_000) } : {}),
    };
  });
  if (records(data.variables).some(({ type }) => type === "select"))
    notes.change("a value that is none of a choice's options is not refused");
  const has = new Set(outputs.map(({ name }) => name));
  if (!has.has("query")) outputs.push({ name: "query", type: "string" });
  if (!has.has("files")) outputs.push({ name: "files", type: { type: "list", items: "any" } });
  return {
    type: "start",
    data: { outputs: app.isChat ? outputs : outputs.filter(({ name }) => has.has(name) || name !== "query") },
  };
};

const namedInputs = (app: DifyApp, given: unknown, notes: Notes): CanvasInput[] =>
  records(given).map((variable) => ({
    name: text(variable.variable) || "value",
    ...selectorSource(app, variable.value_selector, notes),
  }));

const end: Mapper = (app, { data }, notes) => ({
  type: "transform",
  data: {
    inputs: namedInputs(app, data.outputs, notes),
    outputs: records(data.outputs).map(({ variable }) => ({ name: text(variable) || "value", type: "any" })),
  },
});

const answer: Mapper = (app, { data }, notes) => ({
  type: "output_message",
  data: {
    config: { content: "{{content}}" },
    inputs: [{ name: "content", type: "string", ...textSource(app, data.answer, notes, "answer") }],
  },
});

const ifElse: Mapper = (app, { data }, notes) => {
  const cases = records(data.cases);
  const all = cases.length > 0 ? cases : [{ case_id: "true", ...data }];
  const inputs = new InputList();
  const branches = all.map((one) => branchOf(app, one, inputs, notes));
  const ports = new Map([["false", "false"]]);
  all.forEach((one, at) => {
    ports.set(text((one as Record<string, unknown>).case_id) ?? `case_${at}`, at === 0 ? "true" : `true_${at}`);
  });
  return { type: "selector", data: { config: { branches }, inputs: inputs.list }, ports };
};

const template: Mapper = (app, { data }, notes) => {
  const source = text(data.template) ?? "";
  const problem = expressionProblem("jinja", source);
  if (problem !== undefined) notes.block(`its template cannot be read: ${problem}`);
  notes.expressions.push({
    path: "template",
    from: source.slice(0, 200),
    ...(problem === undefined ? { to: "jinja" } : { reason: problem }),
  });
  return { type: "template", data: { config: { template: source }, inputs: namedInputs(app, data.variables, notes) } };
};

/** Dify calls `main` with its inputs as named arguments; here it gets them as one. */
const PYTHON_CALL = "\n\n_main = main\ndef main(args):\n    return _main(**args.params)\n";
const SCRIPT_CALL = [
  "const theirs = (() => { ",
  "\nreturn main; })();\nfunction main({ params }) { return theirs(params); }\n",
];

const code: Mapper = (app, { data }, notes) => {
  const isScript = text(data.code_language) === "javascript";
  const source = text(data.code) ?? "";
  const missing = isScript ? [] : missingPackages(source);
  if (missing.length > 0) notes.block(`its code imports ${missing.join(", ")}, which Python does not have here`);
  const outputs = Object.entries(record(data.outputs)).map(([name, output]) => ({
    name,
    type: difyType(record(output).type),
  }));
  return {
    type: "code",
    data: {
      config: {
        language: isScript ? "javascript" : "python",
        code: isScript ? SCRIPT_CALL.join(source) : source + PYTHON_CALL,
      },
      inputs: namedInputs(app, data.variables, notes),
      outputs,
    },
  };
};

function pairs(app: DifyApp, given: unknown, notes: Notes, path: string, inputs: InputList) {
  return (text(given) ?? "").split("\n").flatMap((line) => {
    const at = line.indexOf(":");
    const name = (at < 0 ? line : line.slice(0, at)).trim();
    if (name === "") return [];
    const source = textSource(app, at < 0 ? "" : line.slice(at + 1).trim(), notes, path);
    return [{ name, input: inputs.add(source, path) }];
  });
}

function bodyOf(
  app: DifyApp,
  given: Record<string, unknown>,
  notes: Notes,
  inputs: InputList,
): Record<string, unknown> {
  const rows = Array.isArray(given.data) ? records(given.data) : [];
  const single = typeof given.data === "string" ? given.data : rows[0]?.value;
  const fields = (): unknown[] => {
    if (rows.length === 0) return pairs(app, given.data, notes, "body", inputs);
    return rows.map((row) => ({
      name: text(row.key) || "field",
      input: inputs.add(
        row.type === "file" ? selectorSource(app, row.file, notes) : textSource(app, row.value, notes, "body"),
        "body",
      ),
      ...(row.type === "file" ? { file: true } : {}),
    }));
  };
  switch (text(given.type)) {
    case "json":
      return {
        type: "raw",
        template: `{{${inputs.add({ type: "string", ...textSource(app, single, notes, "body") }, "body")}}}`,
        contentType: "application/json",
      };
    case "raw-text":
      return {
        type: "raw",
        template: `{{${inputs.add({ type: "string", ...textSource(app, single, notes, "body") }, "body")}}}`,
      };
    case "form-data":
      return { type: "form_data", fields: fields() };
    case "x-www-form-urlencoded":
      return { type: "urlencoded", fields: fields() };
    case "binary":
      return { type: "binary", file: { input: inputs.add(selectorSource(app, rows[0]?.file, notes), "body") } };
    default:
      return { type: "none" };
  }
}

/** A key that a request carries: what is computed goes along, what is written out is a credential. */
function keyOf(app: DifyApp, node: DifyNode, notes: Notes, inputs: InputList): Record<string, unknown> {
  const authorization = record(node.data.authorization);
  if (authorization.type !== "api-key") return {};
  const config = record(authorization.config);
  const kind = text(config.type) ?? "basic";
  const key = text(config.api_key) ?? "";
  const isWritten = !key.includes("{{#");
  const bound = Object.hasOwn(app.credentials, node.id) ? app.credentials[node.id] : undefined;
  if (bound !== undefined) return { credentialId: bound };
  if (isWritten || kind === "basic") {
    notes.change(`its key was left out: name a credential in \`bindings.credentials\` for "${node.id}"`);
    notes.credentials.push({ externalId: node.id, type: `dify_${kind}` });
    return { credentialId: unbound(`dify_${kind}`, node.id) };
  }
  const input = inputs.add(textSource(app, key, notes, "authorization"), "key");
  if (kind === "bearer") return { auth: { type: "bearer", token: { input } } };
  const header = text(config.header) || "Authorization";
  return { auth: { type: "custom", addTo: "header", key: { value: header }, value: { input } } };
}

const http: Mapper = (app, node, notes) => {
  const { data } = node;
  const inputs = new InputList();
  const url = inputs.add({ type: "string", ...textSource(app, data.url, notes, "url") }, "url");
  if (data.ssl_verify === false) notes.change("certificates are always checked");
  const config = {
    method: (text(data.method) ?? "get").toUpperCase(),
    url: `{{${url}}}`,
    params: pairs(app, data.params, notes, "params", inputs),
    headers: pairs(app, data.headers, notes, "headers", inputs),
    body: bodyOf(app, record(data.body), notes, inputs),
    answer: "auto",
    // There a status fails the node only where something follows from it.
    ...(fails(data) ? {} : { failOnStatus: false }),
    ...keyOf(app, node, notes, inputs),
  };
  return { type: "http_request", data: { config, inputs: inputs.list } };
};

const fails = (data: Record<string, unknown>): boolean =>
  text(data.error_strategy) !== undefined || record(data.retry_config).retry_enabled === true;

const aggregator: Mapper = (app, { data }, notes) => {
  const inputs = new InputList();
  const groups =
    record(data.advanced_settings).group_enabled === true ? records(record(data.advanced_settings).groups) : [];
  const given = groups.length > 0 ? groups : [{ group_name: "output", variables: data.variables }];
  const config = {
    groups: given.map((group) => ({
      name: text(group.group_name) || "output",
      inputs: list(group.variables).map((selector) => inputs.add(selectorSource(app, selector, notes))),
    })),
  };
  return { type: "variable_aggregator", data: { config, inputs: inputs.list } };
};

/** What a variable is once it is cleared. */
function cleared(app: DifyApp, selector: readonly string[]): unknown {
  const before = app.conversation.get(selector[1] ?? "");
  if (Array.isArray(before)) return [];
  return typeof before === "number"
    ? 0
    : typeof before === "string"
      ? ""
      : before === null || before === undefined
        ? null
        : {};
}

function assignment(app: DifyApp, item: Record<string, unknown>, notes: Notes): Omit<CanvasInput, "name"> {
  const operation = text(item.operation) ?? "over-write";
  const given = item.input_type === "constant" ? { value: item.value ?? null } : selectorSource(app, item.value, notes);
  if (operation === "set" || operation === "over-write") return given;
  if (operation === "clear") return { value: cleared(app, list(item.variable_selector).map(String)) };
  const before = { name: "before", ...selectorSource(app, item.variable_selector, notes) };
  const inputs = [before, { name: "value", ...given }];
  const written: Record<string, string> = {
    append: "$js_concat($items_list(before), [[value]][0])",
    extend: "$js_concat($items_list(before), $items_list(value))",
    "+=": "before + value",
    "-=": "before - value",
    "*=": "before * value",
    "/=": "before / value",
    "remove-first": "$js_slice($items_list(before), 1)",
    "remove-last": "$js_slice($items_list(before), 0, -1)",
  };
  const expression = Object.hasOwn(written, operation) ? written[operation] : undefined;
  if (expression === undefined) notes.block(`the assignment "${operation}" is not known here`);
  return { expression: { text: expression ?? "null", inputs } };
}

const assigner: Mapper = (app, { data }, notes) => {
  const first = {
    operation: data.write_mode,
    variable_selector: data.assigned_variable_selector,
    value: data.input_variable_selector,
  };
  const items = Array.isArray(data.items) ? records(data.items) : [first];
  const inputs = new InputList();
  const scopes = new Set<string>();
  const assignments = items.map((item) => {
    const [scope = "", ...path] = list(item.variable_selector).map(String);
    const isLoop = app.typeOf(scope) === "loop";
    scopes.add(isLoop ? "loop" : scope);
    return {
      variable: isLoop ? path.join(".") : `app.${path.join(".")}`,
      input: inputs.add(assignment(app, item, notes)),
    };
  });
  if (scopes.has("loop") && scopes.size === 1)
    return { type: "loop_set_variable", data: { config: { assignments }, inputs: inputs.list } };
  if ([...scopes].some((scope) => scope !== "conversation"))
    notes.block("only variables of conversations, or of one loop, can be assigned here");
  notes.change("conversation variables last as long as the execution here");
  return { type: "variable_assign", data: { config: { assignments }, inputs: inputs.list } };
};

const note: Mapper = (_app, { data }) => ({
  type: "comment",
  data: { config: { text: text(data.text) ?? text(data.desc) ?? "" } },
});

/** Types of Dify that have a counterpart, by their name there. Iterations are read with their bodies. */
export const MAPPERS: Readonly<Record<string, Mapper>> = {
  start,
  end,
  answer,
  "if-else": ifElse,
  "template-transform": template,
  code,
  "http-request": http,
  "variable-aggregator": aggregator,
  "variable-assigner": aggregator,
  assigner,
  "list-operator": listOperator,
  "loop-end": () => ({ type: "break", data: {}, ports: new Map() }),
  "": note,
};

/** Codes of failures of requests: Dify tries again after any of them. */
const REQUEST_FAILURES = ["http_error", "http_failed", "timeout"];

/** What Dify's node settings say of failures, as our policy. */
export function policyOf(data: Record<string, unknown>): Pick<Data, "onError"> {
  const strategy = text(data.error_strategy);
  const isHttp = data.type === "http-request";
  const retry = record(data.retry_config);
  const retries =
    retry.retry_enabled === true ? Math.min(10, Math.max(0, Math.trunc(Number(retry.max_retries) || 0))) : 0;
  const delayMs = Math.min(3_600_000, Math.max(0, Math.trunc(Number(retry.retry_interval) || 0)));
  const names: Readonly<Record<string, string>> = isHttp ? { status_code: "statusCode" } : {};
  const fallback = Object.fromEntries(
    records(data.default_value).map(({ key, value }) => {
      const name = text(key) ?? "";
      return [Object.hasOwn(names, name) ? (names[name] ?? name) : name, value];
    }),
  );
  const { max_read_timeout: seconds } = record(data.timeout);
  const pause = { retries, delayMs, backoffRate: 1, jitter: false };
  const onError = {
    ...(strategy === "fail-branch" ? { strategy: "branch" as const } : {}),
    ...(strategy === "default-value" ? { strategy: "default" as const, fallback } : {}),
    ...(retries === 0 ? {} : isHttp ? { retryOn: [{ codes: REQUEST_FAILURES, ...pause }] } : pause),
    ...(isHttp && typeof seconds === "number" && seconds > 0
      ? { attemptTimeoutMs: Math.min(300, seconds) * 1_000 }
      : {}),
  };
  return Object.keys(onError).length > 0 ? { onError } : {};
}
