import type { CanvasInput } from "../canvas.ts";
import { edgeOf, record, records, text } from "../import/builder.ts";
import type { NodeContext, Piece } from "./context.ts";
import { fixed, type Mapper, pass } from "./parameters.ts";

/** Runs of a called workflow side by side, one for each item. */
const CALL_CONCURRENCY = 10;
const MAX_WAIT_MS = 31_536_000_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  seconds: 1_000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
};

/** A node beside the items: they go on as they came once it has run. */
function beside(context: NodeContext, type: string, data: Piece["nodes"][number]["data"]): Piece {
  const piece = pass(context);
  const after = context.ids.fresh(`${context.id}_${type}`);
  piece.nodes.push({ id: after, type, data });
  piece.edges.push(edgeOf(context.id, after));
  return { ...piece, exits: [{ id: after }] };
}

export const wait: Mapper = (context) => {
  const { parameters, version } = context.node;
  const resume = text(parameters.resume) ?? "timeInterval";
  if (resume !== "timeInterval") context.notes.block(`waiting for "${resume}" has no counterpart here`);
  const amount = Number(fixed(context, "amount", version >= 1.1 ? 5 : 1));
  const unit = text(parameters.unit) ?? (version >= 1.1 ? "seconds" : "hours");
  const ms = Math.trunc((Number.isFinite(amount) ? amount : 0) * (UNIT_MS[unit] ?? 1_000));
  return beside(context, "wait", { config: { mode: "duration", ms: Math.min(MAX_WAIT_MS, Math.max(0, ms)) } });
};

export const stop: Mapper = (context) => {
  const { parameters } = context.node;
  const isObject = parameters.errorType === "errorObject";
  const given = isObject ? (parameters.errorObject ?? "{}") : (parameters.errorMessage ?? "stopped");
  if (isObject) context.notes.change("an error that is an object is told as its text");
  const message = context.first(given, "errorMessage");
  const piece = beside(context, "stop_with_error", {
    config: { message: "{{message}}" },
    inputs: [{ name: "message", type: "string", ...message }],
  });
  return { ...piece, exits: [] };
};

export const respond: Mapper = (context) => {
  const { parameters } = context.node;
  const options = record(parameters.options);
  const kind = text(parameters.respondWith) ?? "firstIncomingItem";
  const body: Record<string, unknown> = { type: kind === "noData" ? "none" : kind === "text" ? "text" : "json" };
  const inputs: CanvasInput[] = [];
  if (kind === "text") Object.assign(body, { template: "{{body}}" });
  else if (kind !== "noData") Object.assign(body, { input: "body" });
  if (kind === "text" || kind === "json") {
    const value = context.first(parameters.responseBody ?? "", "responseBody");
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
  if (headers.some(({ value }) => value.startsWith("="))) context.notes.block("a header of the answer is computed");
  const status = Number(fixed(context, "responseCode", options.responseCode ?? 200)) || 200;
  return beside(context, "respond_to_webhook", { config: { status, headers, body }, inputs });
};

function workflowIdOf(parameters: Record<string, unknown>): string {
  const { workflowId } = parameters;
  return text(workflowId) ?? text(record(workflowId).value) ?? "";
}

export const executeWorkflow: Mapper = (context) => {
  const { parameters } = context.node;
  const { workflows } = context.bindings;
  const theirs = workflowIdOf(parameters);
  const bound = Object.hasOwn(workflows, theirs) ? workflows[theirs] : undefined;
  if (bound === undefined) {
    const isSelf = /^=\s*\{\{\s*\$workflow\.id\s*\}\}\s*$/.test(theirs);
    context.notes.block(
      isSelf
        ? "it calls its own workflow, which calls here may not"
        : `the workflow "${theirs}" is not bound: name it in \`bindings.workflows\``,
    );
  }
  if (record(parameters.options).waitForSubWorkflow === false)
    context.notes.change("it waits for the workflow that it calls");
  const config = { workflowId: bound ?? "unbound" };
  const mapped = record(record(parameters.workflowInputs).value);
  if (parameters.mode === "each") {
    const members = Object.entries(mapped).map(
      ([name, value]) => `${JSON.stringify(name)}: ${context.jsonata(value, `workflowInputs.${name}`)}`,
    );
    const item = members.length > 0 ? `{${members.join(", ")}}` : "$json";
    const inputs: CanvasInput[] = [
      { name: "items", type: "list", expression: context.turnExpression(`$js_list([{"item": ${item}}])`) },
    ];
    const read = "$items_of(result.items)";
    return context.perItem({ type: "sub_workflow", data: { config, inputs }, read, concurrency: CALL_CONCURRENCY });
  }
  const called = context.ids.fresh(`${context.id}_call`);
  const members = Object.entries(mapped).map(
    ([name, value]) => `${JSON.stringify(name)}: ${context.jsonata(value, `workflowInputs.${name}`)}`,
  );
  const given = members.length > 0 ? context.each(`{${members.join(", ")}}`) : context.items();
  const isTold = context.onFail === "items";
  const result = isTold
    ? {
        expression: {
          text: '$js_nullish(r.errorBody) ? r.items : [{"error": r.errorBody.errorMessage}]',
          inputs: [{ name: "r", ref: called }],
        },
      }
    : { ref: `${called}.items` };
  const after = context.transform([result], ["none"]);
  const onError = isTold ? { onError: { strategy: "default" as const } } : {};
  return {
    ...after,
    nodes: [
      { id: called, type: "sub_workflow", data: { config, inputs: [{ name: "items", ...given }], ...onError } },
      ...after.nodes,
    ],
    edges: [edgeOf(called, context.id)],
    entry: called,
  };
};
