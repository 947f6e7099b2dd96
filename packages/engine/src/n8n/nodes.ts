import type { CanvasInput } from "../canvas.ts";
import { edgeOf, record, records, text } from "../import/builder.ts";
import { code } from "./code.ts";
import type { NodeContext, Piece } from "./context.ts";
import * as Lists from "./lists.ts";
import { fixed, type Mapper, pass } from "./lists.ts";

/** Requests of one node side by side, where n8n sends them one after the other or in batches. */
const HTTP_CONCURRENCY = 10;
const UNIT_MS: Readonly<Record<string, number>> = {
  seconds: 1_000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
};

/** What comes in as the run's input: a list of items where it holds one, else itself as the only item. */
const trigger: Mapper = (context) => {
  const inputs = [{ name: "input", ref: "start" }];
  const own =
    '$type(input.items) = "array" ? input.items : $js_list([{"item": $items_pick(input, ["items", "trigger"], true)}])';
  return context.transform([{ expression: { text: own, inputs } }]);
};

/** Whether the type begins workflows there. */
export function isTrigger(type: string): boolean {
  return /(?:Trigger|\.webhook|\.cron|\.start|\.interval|\.emailReadImap)$/.test(type);
}

function pairsOf(context: NodeContext, given: unknown, path: string, inputs: CanvasInput[]) {
  return records(given).flatMap((pair) => {
    const name = text(pair.name);
    if (!name || name.startsWith("=")) return [];
    const input = `${path}_${inputs.length}`;
    inputs.push(context.turnInput(input, pair.value, `${path}.${name}`, "string"));
    return [{ name, input }];
  });
}

function httpBody(context: NodeContext, inputs: CanvasInput[]): Record<string, unknown> {
  const { parameters, version } = context.node;
  const isOn =
    version < 3 ? parameters.method !== "GET" && parameters.requestMethod !== undefined : parameters.sendBody === true;
  if (!isOn) return { type: "none" };
  const kind = text(parameters.contentType) ?? "json";
  const raw = (value: unknown, contentType: string, path: string): Record<string, unknown> => {
    inputs.push(context.turnInput("body", value, path));
    return { type: "raw", template: "{{body}}", contentType };
  };
  if (kind === "raw") return raw(parameters.body, text(parameters.rawContentType) ?? "text/plain", "body");
  if (kind === "json" && (parameters.specifyBody === "json" || version < 3)) {
    return raw(parameters.jsonBody ?? parameters.bodyParametersJson ?? "", "application/json", "jsonBody");
  }
  const given = record(parameters.bodyParameters).parameters;
  if (kind === "json") {
    const members = records(given).map(
      ({ name, value }) => `${JSON.stringify(text(name) ?? "")}: ${context.jsonata(value, `body.${text(name) ?? ""}`)}`,
    );
    const input = context.turnInput("body", "={{ 0 }}", "body");
    const expression = input.expression as { text: string; inputs: CanvasInput[] };
    inputs.push({
      ...input,
      expression: { ...expression, text: `($json := item_of_turn; $itemIndex := at; {${members.join(", ")}})` },
    });
    context.notes.expressions.pop();
    return { type: "raw", template: "{{body}}", contentType: "application/json" };
  }
  if (kind === "form-urlencoded") return { type: "urlencoded", fields: pairsOf(context, given, "body", inputs) };
  if (kind === "multipart-form-data" && !records(given).some((one) => one.parameterType === "formBinaryData")) {
    return { type: "form_data", fields: pairsOf(context, given, "body", inputs) };
  }
  context.notes.block("files in a request's body are not taken over");
  return { type: "none" };
}

const http: Mapper = (context) => {
  const { parameters } = context.node;
  const needsKey = parameters.authentication !== undefined && parameters.authentication !== "none";
  if (needsKey) context.notes.block("it needs a credential, which is never taken over: set the request up again");
  if (record(record(parameters.options).pagination).pagination !== undefined)
    context.notes.block("paging through answers has no counterpart");
  const file = record(record(record(parameters.options).response).response).responseFormat === "file";
  if (file) context.notes.block("answers that are files are not taken over");
  const inputs: CanvasInput[] = [context.turnInput("url", parameters.url, "url", "string")];
  const params =
    parameters.sendQuery === true
      ? pairsOf(context, record(parameters.queryParameters).parameters, "query", inputs)
      : [];
  const headers =
    parameters.sendHeaders === true
      ? pairsOf(context, record(parameters.headerParameters).parameters, "header", inputs)
      : [];
  if (parameters.specifyQuery === "json" || parameters.specifyHeaders === "json")
    context.notes.block("query or headers in JSON are not taken over");
  const body = httpBody(context, inputs);
  const method = (text(parameters.method) ?? text(parameters.requestMethod) ?? "GET").toUpperCase();
  const read = '($data := $js_parseJson(result.body); $items_of($js_nullish($data) ? {"data": result.body} : $data))';
  const config = { method, url: "{{url}}", params, headers, body };
  return context.perItem(() => ({ config, inputs }), "http_request", read, HTTP_CONCURRENCY);
};

/** A node beside the items: they go on as they came once it has run. */
function beside(context: NodeContext, type: string, data: Piece["nodes"][number]["data"]): Piece {
  const piece = pass(context);
  const after = context.ids.fresh(`${context.id}_${type}`);
  piece.nodes.push({ id: after, type, data });
  piece.edges.push(edgeOf(context.id, after));
  return { ...piece, exits: [{ id: after }] };
}

const wait: Mapper = (context) => {
  const { parameters, version } = context.node;
  const resume = text(parameters.resume) ?? "timeInterval";
  if (resume !== "timeInterval") context.notes.block(`waiting for "${resume}" has no counterpart here`);
  const amount = Number(fixed(context, "amount", version >= 1.1 ? 5 : 1));
  const unit = text(parameters.unit) ?? (version >= 1.1 ? "seconds" : "hours");
  const ms = Math.min(
    31_536_000_000,
    Math.max(0, Math.trunc((Number.isFinite(amount) ? amount : 0) * (UNIT_MS[unit] ?? 1_000))),
  );
  return beside(context, "wait", { config: { mode: "duration", ms } });
};

const stop: Mapper = (context) => {
  const message = context.node.parameters.errorMessage ?? "stopped";
  const first = context.over(
    `(function($json, $itemIndex){ ${context.jsonata(message, "errorMessage")} })($js_get(items, 0), 0)`,
  );
  const piece = beside(context, "stop_with_error", {
    config: { message: "{{message}}" },
    inputs: [{ name: "message", type: "string", ...first }],
  });
  return { ...piece, exits: [] };
};

const respond: Mapper = (context) => {
  const { parameters } = context.node;
  const options = record(parameters.options);
  const first = (value: unknown, path: string) =>
    context.over(`(function($json, $itemIndex){ ${context.jsonata(value, path)} })($js_get(items, 0), 0)`);
  const kind = text(parameters.respondWith) ?? "firstIncomingItem";
  const body: Record<string, unknown> = { type: kind === "noData" ? "none" : kind === "text" ? "text" : "json" };
  const inputs: CanvasInput[] = [];
  if (kind === "text") Object.assign(body, { template: "{{body}}" });
  else if (kind !== "noData") Object.assign(body, { input: "body" });
  if (kind === "text" || kind === "json") {
    const value = first(parameters.responseBody ?? "", "responseBody");
    const json =
      kind === "json" ? { expression: { text: '$items_typed("json", v)', inputs: [{ name: "v", ...value }] } } : value;
    inputs.push({ name: "body", ...json });
  } else if (kind === "firstIncomingItem") inputs.push({ name: "body", ...context.over("$js_get(items, 0)") });
  else if (kind === "allIncomingItems") inputs.push({ name: "body", ...context.items() });
  else if (kind !== "noData") context.notes.block(`answering with "${kind}" has no counterpart`);
  const headers = records(record(options.responseHeaders).entries).map(({ name, value }) => ({
    name: text(name) ?? "x",
    value: text(value) ?? "",
  }));
  const status = Number(options.responseCode ?? 200) || 200;
  return beside(context, "respond_to_webhook", { config: { status, headers, body }, inputs });
};

function workflowIdOf(parameters: Record<string, unknown>): string | undefined {
  const { workflowId } = parameters;
  return text(workflowId) ?? text(record(workflowId).value);
}

const executeWorkflow =
  (bindings: Readonly<Record<string, string>>): Mapper =>
  (context) => {
    const { parameters } = context.node;
    const theirs = workflowIdOf(parameters) ?? "";
    const bound = Object.hasOwn(bindings, theirs) ? bindings[theirs] : undefined;
    if (bound === undefined)
      context.notes.block(`the workflow "${theirs}" is not bound: name it in \`bindings.workflows\``);
    if (record(parameters.options).waitForSubWorkflow === false)
      context.notes.change("it waits for the workflow that it calls");
    const config = { workflowId: bound ?? "unbound" };
    if (parameters.mode === "each") {
      const data = { config, inputs: [{ name: "items", fields: [] }] };
      const item = [{ name: "item", ref: `${context.id}.item` }];
      const inputs = [
        { name: "items", type: "list" as const, expression: { text: '$js_list([{"item": item}])', inputs: item } },
      ];
      return context.perItem(() => ({ ...data, inputs }), "sub_workflow", "$items_of(result.items)", HTTP_CONCURRENCY);
    }
    const called = context.ids.fresh(`${context.id}_call`);
    const after = context.transform([{ ref: `${called}.items` }]);
    return {
      ...after,
      nodes: [
        { id: called, type: "sub_workflow", data: { config, inputs: [{ name: "items", ...context.items() }] } },
        ...after.nodes,
      ],
      edges: [edgeOf(called, context.id)],
      entry: called,
    };
  };

/** Nodes that must not run over no items at all. */
export const NEEDS_ITEMS: ReadonlySet<string> = new Set([
  "wait",
  "stopAndError",
  "respondToWebhook",
  "executeWorkflow",
]);

/** Types of the package `n8n-nodes-base` that have a counterpart, by their last name. */
export function mapperOf(type: string, bindings: Readonly<Record<string, string>>): Mapper | undefined {
  if (!type.startsWith("n8n-nodes-base.")) return isTrigger(type) ? trigger : undefined;
  const name = type.slice("n8n-nodes-base.".length);
  const mappers: Readonly<Record<string, Mapper>> = {
    set: Lists.set,
    if: Lists.ifNode,
    filter: Lists.filter,
    switch: Lists.switchNode,
    merge: Lists.merge,
    splitOut: Lists.splitOut,
    itemLists: Lists.splitOut,
    aggregate: Lists.aggregate,
    limit: Lists.limit,
    sort: Lists.sort,
    removeDuplicates: Lists.removeDuplicates,
    dateTime: Lists.dateTime,
    crypto: Lists.crypto,
    noOp: pass,
    httpRequest: http,
    wait,
    stopAndError: stop,
    respondToWebhook: respond,
    code,
    function: code,
    executeWorkflow: executeWorkflow(bindings),
  };
  if (Object.hasOwn(mappers, name)) return mappers[name];
  return isTrigger(type) ? trigger : undefined;
}

/** What an import tells of a trigger: what comes in when it fires is the run's input here. */
export function triggerNote(type: string): string | undefined {
  if (/\.(manualTrigger|executeWorkflowTrigger|start)$/.test(type)) return undefined;
  return "the workflow is started from outside: what the trigger gives comes in as the run's input";
}
