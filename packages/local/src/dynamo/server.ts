import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "@weft/kernel/errors";
import { DynamoError } from "./errors.ts";
import { RawJson } from "./read.ts";
import { type DynamoOptions, DynamoService } from "./service.ts";
import type { Input } from "./types.ts";

/** DynamoDB's limit on a request's body. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const CONTENT_TYPE = "application/x-amz-json-1.0";

export interface DynamoServerOptions extends DynamoOptions {
  /** 0, the default, takes a free port. */
  port?: number;
}

/** A running local DynamoDB. */
export interface DynamoServer {
  url: string;
  port: number;
  service: DynamoService;
  /** Answers one HTTP request, for a caller that has a server of its own. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

/** Starts DynamoDB on the loopback address. An acknowledged write survives a kill of the process at any moment. */
export async function startDynamo(options: DynamoServerOptions = {}): Promise<DynamoServer> {
  const service = await DynamoService.open(options);
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    answer(service, request, response).catch((error) => response.destroy(error));
  };
  const server = createServer(handle);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1000).unref();
    await closed;
    await service.close();
  };
  return { url: `http://127.0.0.1:${port}`, port, service, handle, close };
}

async function answer(service: DynamoService, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await readBody(request);
    const operation = String(request.headers["x-amz-target"] ?? "").split(".")[1] ?? "";
    const result = await service.call(operation, parse(body));
    send(response, 200, result instanceof RawJson ? result.text : JSON.stringify(result));
  } catch (error) {
    if (error instanceof DynamoError) return send(response, error.statusCode, JSON.stringify(error.body));
    console.error(error);
    const fault = { __type: "com.amazonaws.dynamodb.v20120810#InternalServerError", message: messageOf(error) };
    send(response, 500, JSON.stringify(fault));
  }
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_REQUEST_BYTES) chunks.push(chunk);
    });
    request.on("end", () => {
      if (size > MAX_REQUEST_BYTES) reject(new DynamoError({ __type: "RequestEntityTooLarge" }, 413));
      else resolve((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString("utf8"));
    });
    request.on("error", reject);
  });
}

function parse(body: string): Input {
  try {
    const input: unknown = JSON.parse(body);
    if (typeof input === "object" && input !== null && !Array.isArray(input)) return input as Input;
  } catch {
    // Answered below, as any other body that is not an object.
  }
  throw new DynamoError({ __type: "com.amazon.coral.service#SerializationException" });
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "Content-Type": CONTENT_TYPE, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
