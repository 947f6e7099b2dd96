import { Worker } from "node:worker_threads";
import { eachLine, type Log } from "../log.ts";
import { exited, timedOut } from "./errors.ts";
import type {
  ErrorPayload,
  FromWorker,
  HttpPrelude,
  LambdaFunction,
  StreamPart,
  StreamSink,
  ToWorker,
  WorkerSetup,
} from "./types.ts";

/** Longest start of a worker: loading the entry on a busy machine. Lambda itself allows 10 s. */
const INIT_TIMEOUT_MS = 60_000;

/** Small on purpose: a stack has many workers, and each keeps what its young generation once grew to. */
const YOUNG_GENERATION_MB = 4;

export interface Job {
  requestId: string;
  payload: string;
  sink: StreamSink;
  /** Called once, when the function is done and its worker is free again or gone. */
  done(outcome: Outcome): void;
}

/** How a job ended: with a plain handler's JSON, with a streamed answer (neither), or with an error. */
export interface Outcome {
  payload?: string;
  error?: ErrorPayload;
}

export interface InstanceHooks {
  ready(instance: Instance): void;
  idle(instance: Instance): void;
  gone(instance: Instance): void;
}

export interface InstanceOptions {
  clock: SharedArrayBuffer;
  compileCache: string | undefined;
  log: Log;
}

/** One execution environment: a worker thread that handles one event at a time. */
export class Instance {
  readonly #fn: LambdaFunction;
  readonly #worker: Worker;
  readonly #hooks: InstanceHooks;
  #state: "starting" | "idle" | "busy" | "gone" = "starting";
  #job: Job | undefined;
  #started = false;
  #timer: NodeJS.Timeout | undefined;
  #fatal: ErrorPayload | undefined;

  constructor(fn: LambdaFunction, hooks: InstanceHooks, options: InstanceOptions) {
    this.#fn = fn;
    this.#hooks = hooks;
    this.#worker = startWorker(fn, options);
    this.#worker.on("message", (message: FromWorker) => this.#receive(message));
    this.#worker.on("error", (error) => this.#fail({ errorType: error.name, errorMessage: error.message }));
    this.#worker.on("exit", (code) => this.#leave(code));
    this.#timer = setTimeout(() => this.kill("the function took too long to load"), INIT_TIMEOUT_MS);
  }

  get state(): "starting" | "idle" | "busy" | "gone" {
    return this.#state;
  }

  /** Hands the job to the worker, which must be idle. */
  run(job: Job): void {
    this.#state = "busy";
    this.#job = job;
    this.#started = false;
    const limit = this.#fn.timeoutSeconds * 1000;
    this.#timer = setTimeout(() => {
      this.#fail(timedOut(job.requestId, this.#fn.timeoutSeconds));
      void this.#worker.terminate();
    }, limit);
    this.#post({ type: "invoke", requestId: job.requestId, payload: job.payload, deadline: Date.now() + limit });
  }

  /** Ends the thread at once; the job in it fails. */
  kill(reason = "Runtime exited without providing a reason"): void {
    this.#fail(exited(this.#job?.requestId ?? "-", reason));
    void this.#worker.terminate();
  }

  /** Ends an idle thread. */
  async stop(): Promise<void> {
    this.kill();
    await this.#worker.terminate();
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    if (this.#state === "gone") return;
    if (message.type === "part") this.#part(message.part);
    else if (message.type === "fatal") this.#fail(message.error);
    else if (message.type === "ready") {
      clearTimeout(this.#timer);
      this.#state = "idle";
      this.#hooks.ready(this);
    } else {
      if (message.part) this.#part(message.part);
      this.#finish({
        ...(message.payload === undefined ? {} : { payload: message.payload }),
        ...(message.error ? { error: message.error } : {}),
      });
      this.#hooks.idle(this);
    }
  }

  #part(part: StreamPart): void {
    const sink = this.#job?.sink;
    if (!sink) return;
    if (!this.#started && (part.prelude !== undefined || part.bytes > 0 || part.end)) {
      this.#started = true;
      sink.start(part.prelude === undefined ? undefined : (JSON.parse(part.prelude) as HttpPrelude));
    }
    let room: Promise<void> | undefined;
    for (const chunk of part.chunks) room = sink.write(chunk) ?? room;
    if (part.end) sink.end();
    else if (part.bytes > 0) {
      const acknowledge = () => this.#post({ type: "ack", bytes: part.bytes });
      if (room) void room.then(acknowledge);
      else acknowledge();
    }
  }

  #finish(outcome: Outcome): void {
    clearTimeout(this.#timer);
    const job = this.#job;
    this.#job = undefined;
    if (this.#state !== "gone") this.#state = "idle";
    job?.done(outcome);
  }

  #fail(error: ErrorPayload): void {
    if (this.#state === "gone") return;
    clearTimeout(this.#timer);
    this.#state = "gone";
    this.#fatal = error;
    this.#finish({ error });
    this.#hooks.gone(this);
  }

  #leave(code: number): void {
    const reason =
      code === 0 ? "Runtime exited without providing a reason" : `Runtime exited with error: exit status ${code}`;
    this.#fail(exited(this.#job?.requestId ?? "-", reason));
  }

  /** Why the worker is gone. */
  get fatal(): ErrorPayload | undefined {
    return this.#fatal;
  }
}

function startWorker(fn: LambdaFunction, options: InstanceOptions): Worker {
  const setup: WorkerSetup = {
    entry: fn.entry,
    exportName: fn.exportName ?? "handler",
    functionName: fn.name,
    functionArn: fn.arn,
    memoryMb: fn.memoryMb,
    tenantId: fn.tenantId,
    clock: options.clock,
    compileCache: options.compileCache,
  };
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    name: fn.name.slice(0, 15),
    workerData: setup,
    env: { ...fn.environment },
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: fn.memoryMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  eachLine(worker.stdout, (text) => options.log({ source: fn.name, level: "info", text }));
  eachLine(worker.stderr, (text) => options.log({ source: fn.name, level: "error", text }));
  return worker;
}
