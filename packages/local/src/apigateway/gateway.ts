import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@weft/kernel/clock";
import { readBody } from "../http-body.ts";
import { LambdaServiceError } from "../lambda/errors.ts";
import type { LambdaPool } from "../lambda/pool.ts";
import type { Log } from "../log.ts";
import { Authorizers } from "./authorizer.ts";
import { type ApiRequest, parseRequest, proxyEvent } from "./event.ts";
import { ResponseSink, writeBuffered } from "./integration.ts";
import type { ApiMethod, RestApi } from "./model.ts";
import { GatewayFailure, writeFailure } from "./responses.ts";
import { Router } from "./router.ts";

/** API Gateway's limit of a request body. */
export const BODY_LIMIT = 10 * 1024 * 1024;

export interface GatewayOptions {
  api: RestApi;
  pool: LambdaPool;
  clock: Clock;
  log: Log;
}

export type RequestListener = (req: IncomingMessage, res: ServerResponse) => void;

/** A listener that answers as the deployed REST API does, without the stage in the path. */
export function createGateway(options: GatewayOptions): RequestListener {
  const gateway = new Gateway(options);
  return (req, res) => void gateway.handle(req, res);
}

class Gateway {
  readonly #options: GatewayOptions;
  readonly #router: Router;
  readonly #authorizers: Authorizers;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#router = new Router(options.api.methods);
    this.#authorizers = new Authorizers(options.api, options.pool, options.clock);
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const request = parseRequest(req, randomUUID(), this.#options.clock.now());
    res.on("error", () => {});
    try {
      await this.#serve(request, req, res);
    } catch (error) {
      this.#fail(request, res, error);
    }
  }

  async #serve(request: ApiRequest, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { api, pool } = this.#options;
    // The body is read before anything is answered, so that a client still sending it can read the answer.
    const body = await readBody(req, BODY_LIMIT);
    const match = this.#router.match(request.httpMethod, request.path);
    if (!match) throw new GatewayFailure("MISSING_AUTHENTICATION_TOKEN");
    const { method } = match;
    const authorizer = method.authorizer && (await this.#authorizers.authorize(method.authorizer, request, match));
    if (body === undefined) throw new GatewayFailure("REQUEST_TOO_LARGE");
    const payload = JSON.stringify(proxyEvent(api, request, match, body, authorizer));
    if (method.streaming) await this.#stream(method, request, payload, res);
    else await this.#buffer(pool, method, request, payload, res);
  }

  async #stream(method: ApiMethod, request: ApiRequest, payload: string, res: ServerResponse): Promise<void> {
    const sink = new ResponseSink(res, request.requestId, (failure) => this.#fail(request, res, failure));
    const timer = setTimeout(() => sink.abort("INTEGRATION_TIMEOUT"), method.timeoutMs);
    try {
      const result = await this.#options.pool.invokeStream(method.functionArn, payload, sink);
      if (result.functionError) this.#report(method, result.payload);
      // A plain handler behind a STREAM integration wrote no prelude, which API Gateway cannot use.
      if (result.functionError || !res.headersSent) sink.abort("DEFAULT_5XX");
    } finally {
      clearTimeout(timer);
      sink.release();
    }
  }

  async #buffer(
    pool: LambdaPool,
    method: ApiMethod,
    request: ApiRequest,
    payload: string,
    res: ServerResponse,
  ): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new GatewayFailure("INTEGRATION_TIMEOUT")), method.timeoutMs);
    });
    try {
      const result = await Promise.race([pool.invoke(method.functionArn, payload), late]);
      if (result.functionError) {
        this.#report(method, result.payload);
        throw new GatewayFailure("DEFAULT_5XX");
      }
      writeBuffered(res, result.payload, request.requestId);
    } finally {
      clearTimeout(timer);
    }
  }

  #report(method: ApiMethod, payload: string): void {
    this.#options.log({ source: method.functionArn.split(":").at(-1) ?? "", level: "error", text: payload });
  }

  #fail(request: ApiRequest, res: ServerResponse, error: unknown): void {
    if (res.destroyed) return;
    if (res.headersSent) {
      res.destroy();
      return;
    }
    writeFailure(res, this.#options.api.responses, this.#failureOf(error), contextOf(this.#options.api, request));
  }

  #failureOf(error: unknown): GatewayFailure {
    if (error instanceof GatewayFailure) return error;
    if (error instanceof LambdaServiceError && error.status === 413) return new GatewayFailure("REQUEST_TOO_LARGE");
    this.#options.log({ source: "apigateway", level: "error", text: String(error) });
    return new GatewayFailure("DEFAULT_5XX");
  }
}

function contextOf(api: RestApi, request: ApiRequest): Record<string, string> {
  return {
    requestId: request.requestId,
    extendedRequestId: request.requestId,
    apiId: api.id,
    stage: api.stage,
    httpMethod: request.httpMethod,
    path: request.path,
    requestTimeEpoch: String(request.receivedAt),
    "identity.sourceIp": request.sourceIp,
  };
}
