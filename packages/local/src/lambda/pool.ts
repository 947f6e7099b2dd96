import { randomUUID } from "node:crypto";
import type { StackClock } from "../clock.ts";
import type { Log } from "../log.ts";
import { ASYNC_PAYLOAD_LIMIT, LambdaServiceError, responseTooLarge, SYNC_PAYLOAD_LIMIT } from "./errors.ts";
import { FLEET_LIMITS, Fleet, type FleetLimits } from "./fleet.ts";
import type { Outcome } from "./instance.ts";
import { Resting } from "./resting.ts";
import type { HttpPrelude, InvokeResult, LambdaFunction, StreamSink } from "./types.ts";

/** Lambda retries a failed asynchronous invocation after one minute, then after two. */
const ASYNC_RETRY_MS = [60_000, 120_000];
const DEFAULT_ASYNC_RETRIES = 2;

export interface PoolOptions {
  clock: StackClock;
  log: Log;
  limits?: Partial<FleetLimits>;
  /** Folder of the module compile cache that the workers share. */
  compileCache?: string;
}

/** The functions of a stack, each with its own worker threads. */
export class LambdaPool {
  readonly #fleets = new Map<string, Fleet>();
  readonly #options: PoolOptions;
  readonly #limits: FleetLimits;
  readonly #resting: Resting;
  #invocations = 0;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#limits = { ...FLEET_LIMITS, ...options.limits };
    this.#resting = new Resting(this.#limits, () => this.#workers);
  }

  define(fn: LambdaFunction): void {
    const { clock, log, compileCache } = this.#options;
    this.#fleets.set(fn.name, new Fleet(fn, { clock: clock.shared, compileCache, log }, this.#limits, this.#resting));
  }

  /** A synchronous invocation: whole request, whole answer, 6 MB each. `target` is a name or an ARN. */
  invoke(target: string, payload: string, tenantId?: string): Promise<InvokeResult> {
    const collected = new Collector();
    const fleet = () => this.#fleetFor(target, tenantId);
    return this.#submit(fleet, payload, collected, (outcome, requestId) => {
      if (outcome.error) return failure(requestId, outcome.error);
      const answer = outcome.payload ?? collected.text();
      const bytes = Buffer.byteLength(answer);
      if (bytes > SYNC_PAYLOAD_LIMIT) return failure(requestId, responseTooLarge(bytes));
      return { requestId, payload: answer };
    });
  }

  /** An invocation with a streamed answer; settles when the function is done, which may be after the stream's end. */
  invokeStream(target: string, payload: string, sink: StreamSink): Promise<InvokeResult> {
    return this.#submit(
      () => this.#fleetFor(target),
      payload,
      sink,
      (outcome, requestId) => {
        if (outcome.error) return failure(requestId, outcome.error);
        return { requestId, payload: outcome.payload ?? "" };
      },
    );
  }

  /**
   * An asynchronous invocation: accepted at once, retried on failure, then handed to the function's failure handler.
   * `attempted` resolves after the first try, whatever it gave.
   */
  invokeEvent(target: string, payload: string): { requestId: string; attempted: Promise<void> } {
    const { fn } = this.#fleet(target);
    if (Buffer.byteLength(payload) > ASYNC_PAYLOAD_LIMIT) throw tooLarge(ASYNC_PAYLOAD_LIMIT);
    const requestId = randomUUID();
    return { requestId, attempted: this.#attempt(fn, payload, requestId, 0) };
  }

  async #attempt(fn: LambdaFunction, payload: string, requestId: string, retry: number): Promise<void> {
    const result = await this.invoke(fn.name, payload).catch((error: Error): InvokeResult => {
      return failure(requestId, { errorType: error.name, errorMessage: error.message });
    });
    if (!result.functionError || this.#isClosed) return;
    const { clock, log } = this.#options;
    if (retry < (fn.asyncRetries ?? DEFAULT_ASYNC_RETRIES)) {
      const at = clock.now() + (ASYNC_RETRY_MS[retry] ?? 0);
      clock.setTimer(at, () => this.#attempt(fn, payload, requestId, retry + 1));
      return;
    }
    log({ source: fn.name, level: "error", text: `event given up after its retries: ${result.payload}` });
    fn.onAsyncFailure?.({ functionArn: fn.arn, requestId, payload, result });
  }

  /** Starts one worker of each function, so that first requests find them loaded. */
  warm(...names: string[]): void {
    for (const name of names) this.#fleet(name).warm();
  }

  /** Ends the workers that are handling an event of this function (or one idle worker); returns how many. */
  killWorker(name: string): number {
    return this.#fleet(name).kill();
  }

  has(target: string): boolean {
    return this.#fleets.has(nameOf(target));
  }

  get names(): string[] {
    return [...this.#fleets.keys()];
  }

  /** Events being handled or waiting for a worker. */
  get active(): number {
    let active = 0;
    for (const fleet of this.#fleets.values()) active += fleet.active;
    return active;
  }

  /** Counts since the start. */
  counts(): { invocations: number; workers: number } {
    return { invocations: this.#invocations, workers: this.#workers };
  }

  get #workers(): number {
    let workers = 0;
    for (const fleet of this.#fleets.values()) workers += fleet.workers;
    return workers;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#resting.close();
    await Promise.all([...this.#fleets.values()].map((fleet) => fleet.close()));
  }

  #fleet(target: string): Fleet {
    const fleet = this.#fleets.get(nameOf(target));
    if (!fleet) throw new LambdaServiceError("ResourceNotFoundException", 404, `Function not found: ${target}`);
    return fleet;
  }

  /** The workers that serve a call: those of its tenant where the function keeps tenants apart. */
  #fleetFor(target: string, tenantId?: string): Fleet {
    const shared = this.#fleet(target);
    if (!shared.fn.perTenant) {
      if (tenantId === undefined) return shared;
      throw new LambdaServiceError("InvalidParameterValueException", 400, "The function has no tenant isolation");
    }
    if (tenantId === undefined)
      throw new LambdaServiceError("InvalidParameterValueException", 400, "TenantId is missing");
    const name = `${shared.fn.name}#${tenantId}`;
    const known = this.#fleets.get(name);
    if (known) return known;
    this.define({ ...shared.fn, name, perTenant: false, tenantId });
    return this.#fleet(name);
  }

  async #submit(
    fleetOf: () => Fleet,
    payload: string,
    sink: StreamSink,
    settle: (outcome: Outcome, requestId: string) => InvokeResult,
  ): Promise<InvokeResult> {
    const fleet = fleetOf();
    if (Buffer.byteLength(payload) > SYNC_PAYLOAD_LIMIT) throw tooLarge(SYNC_PAYLOAD_LIMIT);
    const requestId = randomUUID();
    this.#invocations += 1;
    return new Promise((resolve) => {
      fleet.submit({ requestId, payload, sink, done: (outcome) => resolve(settle(outcome, requestId)) });
    });
  }
}

/** The function's name in a name, an ARN, a partial ARN, each with or without a qualifier. */
function nameOf(target: string): string {
  const marker = "function:";
  const at = target.indexOf(marker);
  const rest = at < 0 ? target : target.slice(at + marker.length);
  return rest.split(":")[0] ?? rest;
}

function failure(requestId: string, error: object): InvokeResult {
  return { requestId, payload: JSON.stringify(error), functionError: "Unhandled" };
}

function tooLarge(limit: number): LambdaServiceError {
  return new LambdaServiceError("RequestTooLargeException", 413, `Request must be smaller than ${limit} bytes`);
}

/** Gathers a streamed answer for a caller that wants it whole, the prelude and its eight zero bytes included. */
class Collector implements StreamSink {
  readonly #chunks: Buffer[] = [];
  start(prelude: HttpPrelude | undefined): void {
    if (prelude) this.#chunks.push(Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8));
  }
  write(chunk: string | Uint8Array): undefined {
    this.#chunks.push(Buffer.from(chunk as string));
  }
  end(): void {}
  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}
