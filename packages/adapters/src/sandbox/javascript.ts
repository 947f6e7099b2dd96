import { Worker } from "node:worker_threads";
import type { CodeOutcome } from "@weft/engine/code";
import { type Job, stopped, timeoutMessage } from "./bounds.ts";

/** The interpreter stops itself at the deadline, except inside native loops; then its thread is ended. */
const GRACE_MS = 500;
/** JavaScript of the thread itself; programs live in WebAssembly memory, which is bounded apart. */
const THREAD_HEAP_MB = 128;
const THREAD_STACK_MB = 16;
const MAX_IDLE = 2;

/** Runs JavaScript and TypeScript in threads, one program at a time in each. */
export class JavaScriptRunner {
  readonly #entry: URL;
  readonly #idle: Worker[] = [];

  constructor(entry: URL) {
    this.#entry = entry;
  }

  run(job: Job, signal?: AbortSignal): Promise<CodeOutcome> {
    const worker = this.#idle.pop() ?? this.#start();
    const began = performance.now();
    worker.ref();
    return new Promise((resolve) => {
      const end = (outcome: CodeOutcome, isReusable: boolean): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        worker.off("message", done).off("error", broken).off("exit", gone);
        if (isReusable && this.#idle.length < MAX_IDLE) this.#keep(worker);
        else void worker.terminate();
        resolve(outcome);
      };
      const stop = (code: "timeout" | "cancelled" | "crashed", message: string): void => {
        const durationMs = Math.round(performance.now() - began);
        end(stopped(code, message, { durationMs, cpuMs: durationMs, peakMemoryBytes: 0 }), false);
      };
      const timer = setTimeout(() => stop("timeout", timeoutMessage(job.timeoutMs)), job.timeoutMs + GRACE_MS);
      const abort = (): void => stop("cancelled", "the run was cancelled");
      const done = (outcome: CodeOutcome): void => end(outcome, outcome.error?.code !== "crashed");
      const broken = (error: unknown): void => stop("crashed", `the interpreter ended: ${String(error).slice(0, 200)}`);
      const gone = (): void => stop("crashed", "the interpreter ended");
      worker.on("message", done).on("error", broken).on("exit", gone);
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
      else worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(this.#entry, {
      name: "weft-code",
      env: {},
      execArgv: ["--no-warnings"],
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB, stackSizeMb: THREAD_STACK_MB },
    });
    worker.on("error", () => void worker.terminate());
    worker.on("exit", () => {
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return worker;
  }

  #keep(worker: Worker): void {
    worker.unref();
    this.#idle.push(worker);
  }
}
