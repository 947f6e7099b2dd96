import type { IncomingMessage } from "node:http";
import type { RestApi } from "./model.ts";
import type { Match } from "./router.ts";

/** Headers that belong to one connection and that API Gateway does not pass on. */
const HOP_HEADERS = new Set(["connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"]);

/** A request taken apart once, for the router, the authorizer and the event. */
export interface ApiRequest {
  requestId: string;
  httpMethod: string;
  path: string;
  receivedAt: number;
  sourceIp: string;
  headers: Record<string, string>;
  multiValueHeaders: Record<string, string[]>;
  query: Record<string, string[]>;
}

export function parseRequest(req: IncomingMessage, requestId: string, receivedAt: number): ApiRequest {
  const url = req.url ?? "/";
  const mark = url.indexOf("?");
  const sourceIp = (req.socket.remoteAddress ?? "127.0.0.1").replace(/^::ffff:/, "");
  const multiValueHeaders = collectHeaders(req, sourceIp, requestId);
  return {
    requestId,
    httpMethod: req.method ?? "GET",
    path: mark < 0 ? url : url.slice(0, mark),
    receivedAt,
    sourceIp,
    multiValueHeaders,
    headers: lastValues(multiValueHeaders),
    query: mark < 0 ? {} : parseQuery(url.slice(mark + 1)),
  };
}

/** The value of a header whatever its case. */
export function headerOf(request: ApiRequest, name: string): string | undefined {
  for (const key of Object.keys(request.headers)) if (key.toLowerCase() === name) return request.headers[key];
  return undefined;
}

function collectHeaders(req: IncomingMessage, sourceIp: string, requestId: string): Record<string, string[]> {
  const names = new Map<string, string>();
  const all: Record<string, string[]> = {};
  const add = (name: string, value: string): void => {
    const lower = name.toLowerCase();
    if (HOP_HEADERS.has(lower)) return;
    const known = names.get(lower) ?? name;
    names.set(lower, known);
    all[known] = [...(all[known] ?? []), value];
  };
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) add(req.rawHeaders[i] ?? "", req.rawHeaders[i + 1] ?? "");
  const forwarded = names.get("x-forwarded-for");
  const before = forwarded ? all[forwarded]?.join(", ") : undefined;
  all[forwarded ?? "X-Forwarded-For"] = [before ? `${before}, ${sourceIp}` : sourceIp];
  all[names.get("x-forwarded-port") ?? "X-Forwarded-Port"] = [String(req.socket.localPort ?? 80)];
  all[names.get("x-forwarded-proto") ?? "X-Forwarded-Proto"] = ["http"];
  if (!names.has("x-amzn-trace-id")) add("X-Amzn-Trace-Id", traceId(requestId));
  return all;
}

function traceId(requestId: string): string {
  const hex = requestId.replaceAll("-", "");
  return `Root=1-${hex.slice(0, 8)}-${hex.slice(8)}`;
}

function parseQuery(text: string): Record<string, string[]> {
  const query: Record<string, string[]> = {};
  for (const [name, value] of new URLSearchParams(text)) query[name] = [...(query[name] ?? []), value];
  return query;
}

function lastValues(lists: Record<string, string[]>): Record<string, string> {
  return Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, values.at(-1) ?? ""]));
}

function orNull<T extends object>(value: T): T | null {
  return Object.keys(value).length > 0 ? value : null;
}

/** The part of the event that the authorizer of type REQUEST and the integration share. */
export function baseEvent(api: RestApi, request: ApiRequest, match: Match): Record<string, unknown> {
  return {
    resource: match.method.path,
    path: request.path,
    httpMethod: request.httpMethod,
    headers: request.headers,
    multiValueHeaders: request.multiValueHeaders,
    queryStringParameters: orNull(lastValues(request.query)),
    multiValueQueryStringParameters: orNull(request.query),
    pathParameters: orNull(match.pathParameters),
    stageVariables: null,
    requestContext: requestContext(api, request, match),
  };
}

/** The event of a Lambda proxy integration. */
export function proxyEvent(
  api: RestApi,
  request: ApiRequest,
  match: Match,
  body: Buffer,
  authorizer: Record<string, unknown> | undefined,
): Record<string, unknown> {
  const event = baseEvent(api, request, match);
  if (authorizer) Object.assign(event.requestContext as object, { authorizer });
  const isBase64Encoded = body.length > 0 && isBinary(api, headerOf(request, "content-type"));
  event.body = body.length === 0 ? null : body.toString(isBase64Encoded ? "base64" : "utf8");
  event.isBase64Encoded = isBase64Encoded;
  return event;
}

function isBinary(api: RestApi, contentType: string | undefined): boolean {
  const type = (contentType ?? "application/json").split(";")[0]?.trim().toLowerCase() ?? "";
  return api.binaryMediaTypes.some((pattern) => {
    if (pattern === "*/*") return true;
    return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern.toLowerCase();
  });
}

function requestContext(api: RestApi, request: ApiRequest, match: Match): Record<string, unknown> {
  const host = headerOf(request, "host") ?? "localhost";
  return {
    resourceId: match.method.resourceId,
    resourcePath: match.method.path,
    httpMethod: request.httpMethod,
    extendedRequestId: request.requestId,
    requestTime: commonLogTime(request.receivedAt),
    requestTimeEpoch: request.receivedAt,
    path: request.path,
    accountId: api.arn.split(":")[4],
    protocol: "HTTP/1.1",
    stage: api.stage,
    domainPrefix: host.split(".")[0],
    domainName: host,
    requestId: request.requestId,
    identity: {
      cognitoIdentityPoolId: null,
      accountId: null,
      cognitoIdentityId: null,
      caller: null,
      sourceIp: request.sourceIp,
      principalOrgId: null,
      accessKey: null,
      cognitoAuthenticationType: null,
      cognitoAuthenticationProvider: null,
      userArn: null,
      userAgent: headerOf(request, "user-agent") ?? null,
      user: null,
    },
    apiId: api.id,
  };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function commonLogTime(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().split("T");
  const [year, month, day] = date.split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

/** The ARN of the method being called, which authorizers and policies speak of. */
export function methodArn(api: RestApi, request: ApiRequest): string {
  const [, , , region, account] = api.arn.split(":");
  return `arn:aws:execute-api:${region}:${account}:${api.id}/${api.stage}/${request.httpMethod}${request.path}`;
}
