import { ERROR_STATUS, type ErrorCode } from "@weft/kernel/errors";
import * as z from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from "zod-openapi";
import type { Route } from "./route.ts";

/** The envelope of every failure of the native API. */
export const ErrorBody = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      requestId: z.string(),
      details: z.unknown().optional(),
    }),
  })
  .meta({ id: "Error" });

/** The head of a document. */
export interface DocumentInfo {
  title: string;
  version: string;
  description?: string;
}

/** Codes that a route answers because of what it is. */
export function errorCodesOf(route: Route): ErrorCode[] {
  const codes: ErrorCode[] = ["invalid_input", "rate_limited", "internal", ...(route.errors ?? [])];
  if (route.permission !== "public") codes.push("unauthenticated");
  if (route.permission.includes(":")) codes.push("forbidden");
  if (route.paramNames.length > 0) codes.push("not_found");
  if (route.mutating) codes.push("conflict");
  if (route.body) codes.push("too_large", "unsupported_media_type");
  if (Object.hasOwn(route.query.shape, "cursor")) codes.push("invalid_cursor");
  return [...new Set(codes)];
}

function errorResponses(route: Route): Record<string, ZodOpenApiResponseObject> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorCodesOf(route)) {
    byStatus.set(ERROR_STATUS[code], [...(byStatus.get(ERROR_STATUS[code]) ?? []), code]);
  }
  const entries = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    entries.map(([status, codes]) => [
      String(status),
      { description: codes.sort().join(", "), content: { "application/json": { schema: ErrorBody } } },
    ]),
  );
}

function successResponse(route: Route): ZodOpenApiResponseObject {
  const stream = route.stream ? { "text/event-stream": { schema: z.string() } } : {};
  const content = { ...(route.response ? { "application/json": { schema: route.response } } : {}), ...stream };
  return { description: "Success", ...(Object.keys(content).length > 0 ? { content } : {}) };
}

const IdempotencyKey = z.string().min(1).max(255).optional().meta({
  description: "A repeat with the same key within 24 hours gets the first answer and has no further effect.",
});

function operation(route: Route): ZodOpenApiOperationObject {
  const content = Object.fromEntries(
    (route.consumes ?? ["application/json"]).map((type) => [type, { schema: route.body ?? z.unknown() }]),
  );
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    tags: [...(route.tags ?? [tagOf(route.path)])],
    security: route.permission === "public" ? [] : [{ bearer: [] }],
    "x-permission": route.permission,
    requestParams: {
      ...(route.paramNames.length > 0 ? { path: route.params } : {}),
      ...(Object.keys(route.query.shape).length > 0 ? { query: route.query } : {}),
      ...(route.idempotent ? { header: z.object({ "Idempotency-Key": IdempotencyKey }) } : {}),
    },
    ...(route.body ? { requestBody: { required: !route.body.safeParse({}).success, content } } : {}),
    responses: { [String(route.status)]: successResponse(route), ...errorResponses(route) } as never,
  };
}

/** The last fixed segment before the first parameter that is not the space: `/api/spaces/{spaceId}/workflows` → `workflows`. */
function tagOf(path: string): string {
  const rest = path.replace(/^\/api\/spaces\/\{spaceId\}(?=\/)/, "").replace(/^\/api(?=\/)/, "");
  return rest.split("/").find((part) => part !== "" && !part.startsWith("{")) ?? "root";
}

/** The OpenAPI 3.1 document of a list of routes. Used when building; no Lambda imports it. */
export function openApiDocument(routes: readonly Route[], info: DocumentInfo) {
  const ids = new Set<string>();
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of [...routes].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))) {
    if (ids.has(route.operationId)) throw new Error(`operationId ${route.operationId} is used twice`);
    ids.add(route.operationId);
    const path = route.path.replace("+}", "}");
    const item = paths[path] ?? {};
    item[route.method.toLowerCase()] = operation(route);
    paths[path] = item;
  }
  return createDocument({
    openapi: "3.1.0",
    info: { ...info, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    // Relative to where the document is: the API's stage.
    servers: [{ url: "." }],
    paths: paths as never,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A session token, or an API key that starts with sk_." },
      },
    },
  });
}
