import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { RequestListener } from "../apigateway/gateway.ts";

/** API Gateway's limit on a request line and its headers together. */
const HEADER_BYTES = 10_240;
const KEEP_ALIVE_MS = 65_000;
/** What a stopping server leaves open requests to end in. */
const GRACE_MS = 2_000;

/** The public port of the stack, on the loopback address only. */
export class GatewayServer {
  readonly #server: Server;

  constructor(listener: RequestListener) {
    this.#server = createServer({ maxHeaderSize: HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS }, listener);
    this.#server.requestTimeout = 0;
  }

  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => this.#server.closeAllConnections(), GRACE_MS);
    await closed;
    clearTimeout(cut);
  }
}
