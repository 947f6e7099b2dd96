import type { WebhookRow } from "@weft/core/trigger/webhook.entity";
import { runLink } from "@weft/core/trigger/webhook.link";
import type { WebhookResponse } from "@weft/engine/node";
import { json, Reply, type ReplyOptions, text } from "@weft/http/reply";

const JSON_TYPE = "application/json; charset=utf-8";
/**
 * Whatever type a workflow says its answer has, a browser that shows it does so in an opaque origin of its own, never in
 * this API's.
 */
const SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts";
/**
 * Headers that no workflow sets: those of the connection, those that hold for more than this answer (the whole origin), and
 * those that the webhook's own settings decide.
 */
const FORBIDDEN =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|content-type|content-security-policy.*|x-content-type-options|host|strict-transport-security|clear-site-data|service-worker-allowed|alt-svc|public-key-pins.*|nel|report-to|reporting-endpoints|origin-agent-cluster|access-control-.*|x-request-id|x-amzn?-.*)$/i;

/** A webhook, and where it is on its host, the stage included. */
export interface Hook {
  row: WebhookRow;
  cookiePath: string;
}

/** A value as JSON. */
export function jsonReply(value: unknown, options: ReplyOptions): Reply<never> {
  return text(JSON.stringify(value ?? null), JSON_TYPE, options);
}

/** What a run is that goes on: where to ask for it. */
export function pendingReply(hook: Hook, executionId: string, status: string, options: ReplyOptions): Reply<never> {
  const statusUrl = runLink(hook.row, executionId);
  const headers = { ...options.headers, location: statusUrl, "retry-after": "1" };
  return jsonReply({ executionId, status, statusUrl }, { status: 202, ...options, headers });
}

/** The settings' own headers, as far as a workflow's author may set them. */
export function ownHeaders(hook: Hook): Record<string, string> {
  return cleaned(
    hook,
    Object.fromEntries(hook.row.response.headers.map(({ name, value }) => [name.toLowerCase(), value])),
  );
}

/** The answer at once. */
export function immediateReply(hook: Hook, executionId: string, status: string, options: ReplyOptions): Reply<never> {
  const { response } = hook.row;
  const given = { ...options, headers: { ...ownHeaders(hook), ...options.headers }, status: response.status ?? 202 };
  if (response.noBody) return json(undefined as never, given);
  if (response.body !== undefined)
    return textReply(response.body, response.contentType ?? "text/plain; charset=utf-8", given);
  return jsonReply({ executionId, status, statusUrl: runLink(hook.row, executionId) }, given);
}

/** A run's output: as JSON, or its only text where the settings name a type. */
export function outputReply(hook: Hook, output: unknown, options: ReplyOptions): Reply<never> {
  const { response } = hook.row;
  const given = { ...options, headers: { ...ownHeaders(hook), ...options.headers }, status: response.status ?? 200 };
  if (response.noBody) return json(undefined as never, given);
  const type = response.contentType;
  const only = Object.values((output ?? {}) as object);
  if (type !== undefined && !/json/i.test(type) && only.length === 1 && typeof only[0] === "string") {
    return textReply(only[0], type, given);
  }
  return textReply(JSON.stringify(output ?? null), type ?? JSON_TYPE, given);
}

/** What a `respond_to_webhook` node said. */
export function nodeReply(hook: Hook, said: WebhookResponse, options: ReplyOptions): Reply<never> {
  const { "content-type": type, ...rest } = Object.fromEntries(
    Object.entries(said.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const headers = { ...ownHeaders(hook), ...cleaned(hook, rest), ...options.headers };
  const given = { ...options, headers, status: said.status };
  // These have no body, whatever the node says.
  const isEmpty = hook.row.response.noBody || said.status === 204 || said.status === 304 || said.body === "";
  if (isEmpty) return json(undefined as never, given);
  const bytes = Buffer.from(said.body, said.isBase64 ? "base64" : "utf8");
  return bytesReply(bytes, type ?? "text/plain; charset=utf-8", given);
}

function textReply(body: string, type: string, options: ReplyOptions): Reply<never> {
  return bytesReply(Buffer.from(body), type, options);
}

function bytesReply(bytes: Uint8Array, contentType: string, options: ReplyOptions): Reply<never> {
  const source = (async function* () {
    yield bytes;
  })();
  return new Reply<never>(
    { kind: "bytes", source, contentType },
    { ...options, headers: { ...options.headers, "content-security-policy": SANDBOX } },
  );
}

/** Without what a workflow may not set. A cookie is the webhook's own: of its path and of this host alone. */
function cleaned(hook: Hook, headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !FORBIDDEN.test(name));
  return Object.fromEntries(
    kept.map(([name, value]) => {
      if (name !== "set-cookie") return [name, value];
      const parts = value.split(";").map((part) => part.trim());
      const own = parts.filter((part) => !/^(domain|path)=/i.test(part) && part !== "");
      return [name, [...own, `Path=${hook.cookiePath}`].join("; ")];
    }),
  );
}
