import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "../http-body.ts";
import { LambdaServiceError, SYNC_PAYLOAD_LIMIT } from "./errors.ts";
import type { LambdaPool } from "./pool.ts";

const INVOKE = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

/** Lambda's Invoke over HTTP, so that `@aws-sdk/client-lambda` works through `AWS_ENDPOINT_URL_LAMBDA`. */
export async function handleInvoke(pool: LambdaPool, req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    const name = INVOKE.exec((req.url ?? "").split("?")[0] ?? "")?.[1];
    if (!name || req.method !== "POST")
      throw new LambdaServiceError("UnknownOperationException", 404, "unknown operation");
    const body = await readBody(req, SYNC_PAYLOAD_LIMIT);
    if (body === undefined)
      throw new LambdaServiceError(
        "RequestTooLargeException",
        413,
        `Request must be smaller than ${SYNC_PAYLOAD_LIMIT} bytes`,
      );
    await answer(pool, decodeURIComponent(name), jsonPayload(body), req.headers, res);
  } catch (error) {
    const known =
      error instanceof LambdaServiceError ? error : new LambdaServiceError("ServiceException", 500, String(error));
    res.writeHead(known.status, { "content-type": "application/json", "x-amzn-errortype": known.name });
    res.end(JSON.stringify({ Type: known.status < 500 ? "User" : "Service", Message: known.message }));
  }
}

async function answer(
  pool: LambdaPool,
  name: string,
  payload: string,
  headers: IncomingMessage["headers"],
  res: ServerResponse,
): Promise<void> {
  const type = headers["x-amz-invocation-type"];
  if (type === "DryRun") {
    res.writeHead(pool.has(name) ? 204 : 404).end();
    return;
  }
  if (type === "Event") {
    const { requestId } = pool.invokeEvent(name, payload);
    res.writeHead(202, { "x-amzn-requestid": requestId }).end();
    return;
  }
  const result = await pool.invoke(name, payload, headers["x-amz-tenant-id"]?.toString());
  res.writeHead(200, {
    "content-type": "application/json",
    "x-amzn-requestid": result.requestId,
    "x-amz-executed-version": "$LATEST",
    ...(result.functionError ? { "x-amz-function-error": result.functionError } : {}),
  });
  res.end(result.payload);
}

function jsonPayload(body: Buffer): string {
  if (body.length === 0) return "{}";
  const text = body.toString("utf8");
  try {
    JSON.parse(text);
  } catch (error) {
    const message = `Could not parse request body into json: ${(error as Error).message}`;
    throw new LambdaServiceError("InvalidRequestContentException", 400, message);
  }
  return text;
}
