import type { CanvasInput } from "../canvas.ts";
import { record, records, text } from "../import/builder.ts";
import { fileOf } from "./binary.ts";
import type { NodeContext } from "./context.ts";
import { credentialFor } from "./credentials.ts";
import type { Mapper } from "./parameters.ts";

/** Requests of one node side by side, where n8n sends them all at once or in batches. */
const HTTP_CONCURRENCY = 10;
/** Longest time limit that is taken over: 5 minutes, which is n8n's own. */
const MAX_TIMEOUT_MS = 300_000;

/** The settings of a request, of whatever version of the node they are. */
interface Request {
  method: string;
  query: { pairs: unknown; json?: unknown };
  headers: { pairs: unknown; json?: unknown };
  body?: { kind: string; pairs: unknown; json?: unknown; raw?: unknown; rawType?: unknown; file?: unknown };
  response: { format: string; isFull: boolean; isNeverError: boolean; property: string };
  timeoutMs?: number;
}

const METHODS_WITH_BODY = new Set(["POST", "PUT", "PATCH", "DELETE"]);

function firstForm(parameters: Record<string, unknown>): Request {
  const options = record(parameters.options);
  const isJson = parameters.jsonParameters === true;
  const part = (name: string) =>
    isJson
      ? { pairs: [], json: parameters[`${name}ParametersJson`] }
      : { pairs: record(parameters[`${name}ParametersUi`]).parameter };
  const method = (text(parameters.requestMethod) ?? "GET").toUpperCase();
  const body = part("body");
  const isFile = parameters.sendBinaryData === true;
  const hasBody =
    METHODS_WITH_BODY.has(method) && (isFile || body.json !== undefined || records(body.pairs).length > 0);
  const given = text(options.bodyContentType) ?? "json";
  const kind = isFile ? "binaryData" : given;
  const format = text(parameters.responseFormat) ?? "json";
  return {
    method,
    query: part("query"),
    headers: part("header"),
    ...(hasBody
      ? {
          body: {
            kind,
            ...body,
            raw: body.json,
            rawType: options.bodyContentCustomMimeType,
            file: text(parameters.binaryPropertyName) ?? "data",
          },
        }
      : {}),
    response: {
      format: format === "string" ? "text" : format,
      isFull: options.fullResponse === true,
      isNeverError: options.ignoreResponseCode === true,
      property: text(parameters.dataPropertyName) ?? "data",
    },
    ...timeout(options),
  };
}

function timeout({ timeout: ms }: Record<string, unknown>): { timeoutMs?: number } {
  return typeof ms === "number" && ms > 0 ? { timeoutMs: Math.min(MAX_TIMEOUT_MS, Math.trunc(ms)) } : {};
}

function laterForm(parameters: Record<string, unknown>): Request {
  const options = record(parameters.options);
  const response = record(record(options.response).response);
  const part = (isOn: unknown, how: unknown, pairs: unknown, json: unknown) =>
    isOn !== true ? { pairs: [] } : how === "json" ? { pairs: [], json } : { pairs: record(pairs).parameters };
  const kind = text(parameters.contentType) ?? "json";
  const isText = parameters.specifyBody === "string";
  return {
    method: (text(parameters.method) ?? "GET").toUpperCase(),
    query: part(parameters.sendQuery, parameters.specifyQuery, parameters.queryParameters, parameters.jsonQuery),
    headers: part(
      parameters.sendHeaders,
      parameters.specifyHeaders,
      parameters.headerParameters,
      parameters.jsonHeaders,
    ),
    ...(parameters.sendBody === true
      ? {
          body: {
            kind: isText ? "raw" : kind,
            pairs: record(parameters.bodyParameters).parameters,
            ...(parameters.specifyBody === "json" ? { json: parameters.jsonBody ?? "" } : {}),
            raw: parameters.body ?? "",
            rawType: isText ? "application/x-www-form-urlencoded" : parameters.rawContentType,
            file: parameters.inputDataFieldName ?? "data",
          },
        }
      : {}),
    response: {
      format: text(response.responseFormat) ?? "autodetect",
      isFull: response.fullResponse === true,
      isNeverError: response.neverError === true || options.ignoreHttpStatusErrors === true,
      property: text(response.outputPropertyName) ?? "data",
    },
    ...timeout(options),
  };
}

/** Names with values, as inputs that each turn computes. */
function pairsOf(context: NodeContext, given: unknown, path: string, inputs: CanvasInput[]) {
  return records(given).flatMap((pair) => {
    const name = text(pair.name)?.replace(/^=(?!.*\{\{)/, "");
    if (!name) return [];
    if (name.startsWith("=")) context.notes.block(`a name in "${path}" is computed`);
    const input = `${path}_${inputs.length}`;
    if (pair.parameterType === "formBinaryData") {
      inputs.push(fileOf(context, input, pair.inputDataFieldName ?? "data"));
      return [{ name, input, file: true }];
    }
    inputs.push(context.turnInput(input, pair.value, `${path}.${name}`, "string"));
    return [{ name, input }];
  });
}

/** Names and values that are given as one JSON: only where it is written out can its names be known. */
function jsonPairs(context: NodeContext, given: unknown, path: string, inputs: CanvasInput[]) {
  const source = text(given)?.trim() ?? "";
  if (source === "") return [];
  let parsed: unknown;
  try {
    parsed = source.startsWith("=") && source.includes("{{") ? undefined : JSON.parse(source.replace(/^=/, ""));
  } catch {
    parsed = undefined;
  }
  if (parsed === undefined) {
    context.notes.block(`"${path}" in JSON is computed as a whole`);
    return [];
  }
  const pairs = Object.entries(record(parsed)).map(([name, value]) => ({
    name,
    value: text(value) ?? JSON.stringify(value),
  }));
  return pairsOf(context, pairs, path, inputs);
}

function bodyOf(context: NodeContext, given: Request["body"], inputs: CanvasInput[]): Record<string, unknown> {
  if (!given) return { type: "none" };
  const raw = (value: unknown, contentType: string): Record<string, unknown> => {
    inputs.push(context.turnInput("body", value, "body"));
    return { type: "raw", template: "{{body}}", contentType };
  };
  switch (given.kind) {
    case "raw":
      return raw(given.raw, text(given.rawType) || "text/plain");
    case "json": {
      if (given.json !== undefined) return raw(given.json, "application/json");
      const members = records(given.pairs).map(({ name, value }) => {
        const key = text(name) ?? "";
        return `${JSON.stringify(key)}: ${context.jsonata(value, `body.${key}`)}`;
      });
      inputs.push({ name: "body", expression: context.turnExpression(`{${members.join(", ")}}`) });
      return { type: "raw", template: "{{body}}", contentType: "application/json" };
    }
    case "form-urlencoded":
      return { type: "urlencoded", fields: pairsOf(context, given.pairs, "body", inputs) };
    case "multipart-form-data":
      return { type: "form_data", fields: pairsOf(context, given.pairs, "body", inputs) };
    case "binaryData":
      inputs.push(fileOf(context, "body", given.file));
      return { type: "binary", file: { input: "body" } };
    default:
      context.notes.block(`a body of type "${given.kind}" has no counterpart`);
      return { type: "none" };
  }
}

/** JSONata for the items that an answer gives. */
function reading({ format, isFull, property }: Request["response"]): string {
  const name = JSON.stringify(property);
  const file = `$items_with_file(json, ${name}, result.file)`;
  if (format === "file") return isFull ? `[$js_merge(${file}, {"statusCode": result.statusCode})]` : `[${file}]`;
  const isText = format === "text" ? "true" : format === "json" ? "false" : "$items_is_text(result.headers)";
  const parsed = `($data := ${isText} ? $js_nothing : $js_parseJson(result.body); $js_nullish($data) ? result.body : $data)`;
  const own = `($data := ${isText} ? $js_nothing : $js_parseJson(result.body); $items_of($js_nullish($data) ? {${name}: result.body} : $data))`;
  const full = `[{"body": ${parsed}, "headers": $js_parseJson(result.headers), "statusCode": result.statusCode}]`;
  const value = isFull ? full : own;
  return format === "autodetect" ? `$js_nullish(result.file) ? ${value} : [${file}]` : value;
}

export const httpRequest: Mapper = (context) => {
  const { parameters, version } = context.node;
  const request = version < 3 ? firstForm(parameters) : laterForm(parameters);
  const options = record(parameters.options);
  if (Object.keys(record(options.pagination)).length > 0)
    context.notes.block("paging through answers has no counterpart");
  if (options.allowUnauthorizedCerts === true) context.notes.change("certificates are always checked");
  if (options.proxy !== undefined) context.notes.change("requests go out without a proxy");
  if (options.batching !== undefined) context.notes.change("requests go out as soon as there is room, not in batches");
  const inputs: CanvasInput[] = [context.turnInput("url", parameters.url, "url", "string")];
  const both = (part: Request["query"], path: string) =>
    part.json === undefined ? pairsOf(context, part.pairs, path, inputs) : jsonPairs(context, part.json, path, inputs);
  const params = both(request.query, "query");
  const headers = both(request.headers, "header");
  const body = bodyOf(context, request.body, inputs);
  const { format, isNeverError } = request.response;
  const credentialId = credentialFor(context);
  const config = {
    ...{ method: request.method, url: "{{url}}", params, headers, body },
    ...(credentialId === undefined ? {} : { credentialId }),
    ...(isNeverError ? { failOnStatus: false } : {}),
    ...(format === "file" ? { answer: "file" } : format === "autodetect" ? { answer: "auto" } : {}),
  };
  if (context.onFail !== "stop") context.notes.change("what failed is told by `error.message` and `error.code` alone");
  const limit = request.timeoutMs === undefined ? {} : { onError: { attemptTimeoutMs: request.timeoutMs } };
  return context.perItem({
    type: "http_request",
    data: { config, inputs, ...limit },
    read: reading(request.response),
    concurrency: HTTP_CONCURRENCY,
    error: '{"error": $items_http_error(result.errorBody)}',
  });
};
