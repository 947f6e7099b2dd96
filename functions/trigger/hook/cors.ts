import type { WebhookRow } from "@weft/core/trigger/webhook.entity";
import type { RawRequest } from "@weft/http/raw";

/** What a browser's page of an allowed origin is told; nothing for any other. Cookies are never allowed. */
export function corsHeaders({ cors }: WebhookRow, request: RawRequest): Record<string, string> {
  const { origin } = request.headers;
  if (!cors) return {};
  const vary = { vary: "Origin" };
  if (origin === undefined) return vary;
  if (cors.origins.includes("*")) return { "access-control-allow-origin": "*" };
  return cors.origins.includes(origin) ? { ...vary, "access-control-allow-origin": origin } : vary;
}

/** The answer to a preflight. */
export function preflightHeaders(
  row: WebhookRow,
  request: RawRequest,
  methods: readonly string[],
): Record<string, string> {
  const headers = corsHeaders(row, request);
  if (!row.cors || !headers["access-control-allow-origin"]) return headers;
  return {
    ...headers,
    "access-control-allow-methods": methods.join(", "),
    "access-control-allow-headers": row.cors.headers.join(", "),
    "access-control-max-age": String(row.cors.maxAgeSeconds),
  };
}
