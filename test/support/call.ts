import { newId } from "@weft/kernel/ids";
import type { APIGatewayProxyEvent, Context, StreamifyHandler } from "aws-lambda";
import { ResponseStream } from "./lambda-runtime.ts";

export interface CallRequest {
  method?: string;
  /** Path with or without a query, encoded as on the wire. */
  path: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a string or bytes as they are. */
  body?: unknown;
  /** What the authorizer put into the context; none for an anonymous route. */
  authorizer?: Record<string, string>;
  ip?: string;
}

export interface CallResponse {
  status: number;
  headers: Record<string, string>;
  text: string;
  chunks: string[];
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  json: any;
}

/** A REST API proxy event as API Gateway makes it. */
export function proxyEvent(request: CallRequest): APIGatewayProxyEvent {
  const [path = "/", search = ""] = request.path.split("?");
  const query: Record<string, string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(search)) query[name] = [...(query[name] ?? []), value];
  const isBytes = request.body instanceof Uint8Array;
  const isJson = request.body !== undefined && typeof request.body !== "string" && !isBytes;
  const headers = { ...(isJson ? { "Content-Type": "application/json" } : {}), ...request.headers };
  const text = isJson ? JSON.stringify(request.body) : (request.body as string | undefined);
  return {
    resource: "/{proxy+}",
    path,
    httpMethod: request.method ?? "GET",
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: Object.fromEntries(
      Object.entries(query).map(([name, values]) => [name, values.at(-1) ?? ""]),
    ),
    multiValueQueryStringParameters: search === "" ? null : query,
    pathParameters: { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      requestId: newId("request"),
      identity: { sourceIp: request.ip ?? "192.0.2.1" },
      ...(request.authorizer ? { authorizer: request.authorizer } : {}),
    } as unknown as APIGatewayProxyEvent["requestContext"],
    body: isBytes ? Buffer.from(request.body as Uint8Array).toString("base64") : (text ?? null),
    isBase64Encoded: isBytes,
  };
}

/** Invokes a streaming handler, as Lambda does, and gathers its answer. */
export async function callApi(
  handler: StreamifyHandler<APIGatewayProxyEvent, void>,
  request: CallRequest,
  context: Partial<Context> = {},
): Promise<CallResponse> {
  const stream = new ResponseStream();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => {
    if (chunk.length > 0) chunks.push(chunk);
  });
  await handler(proxyEvent(request), stream as never, { awsRequestId: "test", ...context } as Context);
  const text = Buffer.concat(chunks).toString("utf8");
  const headers = stream.prelude?.headers ?? {};
  const isJson = headers["content-type"]?.startsWith("application/json") ?? false;
  return {
    status: stream.prelude?.statusCode ?? 0,
    headers,
    text,
    chunks: chunks.map((chunk) => chunk.toString("utf8")),
    json: isJson && text !== "" ? JSON.parse(text) : undefined,
  };
}
