import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "@weft/kernel/errors";
import { readBody } from "../http-body.ts";

/** A service of AWS's JSON protocol: the operation's name and its input give status and body. */
export type JsonService = (operation: string, input: unknown) => Promise<{ status: number; body: unknown }>;

/** A service that is told apart by its path. */
export interface PathService {
  matches: RegExp;
  handle(req: IncomingMessage, res: ServerResponse): Promise<void> | void;
}

/** Largest request of any of these services (EventBridge and Step Functions take 1 MB). */
const REQUEST_LIMIT = 8 * 1024 * 1024;

/** One loopback port for the small services; DynamoDB, S3 and SQS have their own. */
export class ServiceServer {
  readonly #server: Server;
  readonly #json = new Map<string, JsonService>();
  readonly #paths: PathService[] = [];

  constructor() {
    this.#server = createServer((req, res) => void this.#handle(req, res));
    this.#server.keepAliveTimeout = 60_000;
  }

  /** `prefix` is what stands before the dot in `X-Amz-Target`. */
  addJson(prefix: string, service: JsonService): void {
    this.#json.set(prefix, service);
  }

  addPath(service: PathService): void {
    this.#paths.push(service);
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      const byPath = this.#paths.find((service) => service.matches.test(req.url ?? ""));
      if (byPath) await byPath.handle(req, res);
      else await this.#answerJson(req, res);
    } catch (error) {
      if (res.headersSent) res.destroy();
      else send(res, 500, { __type: "InternalFailure", message: messageOf(error) });
    }
  }

  async #answerJson(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const [prefix = "", operation = ""] = String(req.headers["x-amz-target"] ?? "").split(".");
    const service = this.#json.get(prefix);
    if (!service) {
      send(res, 404, { __type: "UnknownOperationException", message: `the local cloud has no service at ${req.url}` });
      return;
    }
    const body = await readBody(req, REQUEST_LIMIT);
    if (body === undefined) {
      send(res, 413, { __type: "RequestEntityTooLargeException", message: "the request is too large" });
      return;
    }
    const answer = await service(operation, body.length === 0 ? {} : JSON.parse(body.toString("utf8")));
    send(res, answer.status, answer.body);
  }
}

function send(res: ServerResponse, status: number, body: unknown): void {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  res.writeHead(status, { "content-type": "application/x-amz-json-1.0", "content-length": Buffer.byteLength(text) });
  res.end(text);
}
