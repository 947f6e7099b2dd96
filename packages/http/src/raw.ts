import type { Ctx } from "@weft/kernel/ctx";
import type { APIGatewayProxyEvent } from "aws-lambda";
import * as z from "zod";
import type { Reply } from "./reply.ts";
import { type Headers, headersOf, queryOf } from "./request.ts";
import { type Method, type Route, type RouteInfo, route } from "./route.ts";

/** A request as it came: nothing of it is parsed, and every byte of its body is there. */
export interface RawRequest {
  method: string;
  /** Without the query, as it was encoded. */
  path: string;
  /** The same with the stage in front, as the caller wrote it. */
  fullPath: string;
  host: string;
  /** Lower-case names. */
  headers: Headers;
  query: Readonly<Record<string, readonly string[]>>;
  /** The caller's address as the gateway saw it; no header decides it. */
  ip: string;
  body(): Buffer;
}

/** What a raw route's handler gets. */
export interface RawInput<P> {
  params: P;
  request: RawRequest;
  ctx: Ctx;
}

const METHODS: readonly Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** Names the greedy parameter at the end of a raw route's path. */
export const GREEDY = "{proxy+}";

/** A raw route as its author writes it. */
export interface RawSpec
  extends Pick<RouteInfo, "path" | "operationId" | "summary" | "description" | "tags" | "errors" | "status"> {
  /** All that routes take where it is left out; the operation's id then ends in the method. */
  method?: Method;
  /** What the document says of the body and of the answer; neither is looked at. */
  body?: z.ZodType;
  response?: z.ZodType;
}

/**
 * Routes whose handler takes any body and, on a path that ends in {@link GREEDY}, any method, HEAD and OPTIONS among them.
 * They are public: their handler says who may call.
 */
export function rawRoutes<P>(
  { method: only, body, response, ...spec }: RawSpec,
  handler: (input: RawInput<P>) => Promise<Reply<never>>,
): Route[] {
  return (only === undefined ? METHODS : [only]).map((method) => {
    const own = only === undefined ? `By${method[0]}${method.slice(1).toLowerCase()}` : "";
    const hasBody = method !== "GET" && method !== "DELETE";
    const info = {
      ...({
        permission: "public",
        audit: false,
        stream: true,
        raw: true,
        unknownFields: "strip",
        status: 200,
      } as const),
      ...spec,
      method,
      operationId: spec.operationId + own,
      ...(body ? {} : { consumes: ["*/*"] }),
      ...(hasBody ? { body: body ?? z.unknown() } : {}),
      response: response ?? null,
    };
    return { ...route(info, () => undefined), handler };
  });
}

/** The request of an event. */
export function rawRequest(event: APIGatewayProxyEvent): RawRequest {
  const headers = headersOf(event);
  const { requestContext, body, isBase64Encoded } = event;
  return {
    method: event.httpMethod,
    path: event.path,
    fullPath: requestContext?.path ?? event.path,
    host: requestContext?.domainName ?? headers.host ?? "",
    headers,
    query: queryOf(event) as Record<string, string[]>,
    ip: requestContext?.identity?.sourceIp ?? "",
    body: () => Buffer.from(body ?? "", isBase64Encoded ? "base64" : "utf8"),
  };
}
