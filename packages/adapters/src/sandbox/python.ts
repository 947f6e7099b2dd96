import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type CodeOutcome, MAX_CODE_IO_BYTES, MAX_CODE_MEMORY_BYTES, MAX_CODE_TIMEOUT_MS } from "@weft/engine/code";
import * as z from "zod";
import { type Job, stopped, timeoutMessage } from "./bounds.ts";
import { type ProcessUsage, processUsage } from "./process-usage.ts";

const PAGE_BYTES = 64 * 1024;
/** The interpreter's own image and libraries, which stand in the same memory as the program's heap. */
const INTERPRETER_BYTES = 32 * 1024 * 1024;
/** What the process needs beside the program's memory; files of the program are in here too. */
const PROCESS_BYTES = 384 * 1024 * 1024;
const HEAP_MB = 192;
const WATCH_MS = 100;
const START_TIMEOUT_MS = 60_000;
/** An outcome: the output, both streams and the files, as JSON in JSON. */
const MAX_ANSWER_CHARS = 4 * MAX_CODE_IO_BYTES;
/** Seconds of processor time after which the kernel ends a child, though nobody is left to watch it. */
const CPU_SECONDS = Math.ceil(MAX_CODE_TIMEOUT_MS / 1000) + 60;
/** The one open descriptor of a child: jobs and answers, a line each. */
const CHANNEL = 3;
const SHELL = "/bin/sh";

const Answer = z.object({
  output: z.string(),
  stdout: z.string(),
  stderr: z.string(),
  exitCode: z.int(),
  durationMs: z.number(),
  cpuMs: z.number(),
  peakMemoryBytes: z.number(),
  files: z.array(z.object({ name: z.string(), base64: z.string() })).default([]),
  error: z
    .object({
      code: z.enum(["syntax_error", "code_error", "invalid_output", "output_too_large", "memory_exceeded", "crashed"]),
      message: z.string(),
      line: z.int().optional(),
      column: z.int().optional(),
      stack: z.string().optional(),
    })
    .optional(),
});

export interface PythonParts {
  /** The module of the child. */
  child: URL;
  /** Pyodide's folder, with a slash at its end. */
  pyodide: URL;
  /** Folders and files that the child's own modules are read from. */
  readable: readonly URL[];
}

/** A started interpreter. It serves one call and ends. */
class Child {
  readonly #process: ChildProcess;
  readonly #channel: Socket;
  readonly ready: Promise<void>;
  #text = "";
  #stderr = "";
  #onLine: ((line: string) => void) | undefined;
  #onEnd: (() => void) | undefined;
  isGone = false;

  constructor(parts: PythonParts, image: Buffer) {
    this.#process = start(parts, "serve");
    this.#channel = this.#process.stdio[CHANNEL] as Socket;
    this.#channel.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#channel.on("error", () => this.kill());
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2_000);
    });
    this.#process.on("error", () => this.#gone());
    this.#process.on("close", () => this.#gone());
    this.#channel.write(lengthOf(image));
    this.#channel.write(image);
    this.ready = this.#line(START_TIMEOUT_MS).then((line) => {
      if (line !== "ready") throw new Error(`the interpreter did not start: ${this.#stderr.slice(-500)}`);
    });
    this.ready.catch(() => this.kill());
    this.ref(false);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Whether this process waits for the child. */
  ref(isWaiting: boolean): void {
    const stderr = this.#process.stderr as Socket | null;
    for (const handle of [this.#process, this.#channel, stderr]) {
      if (isWaiting) handle?.ref();
      else handle?.unref();
    }
  }

  /** Sends the job; what the child answers, or undefined when it ended without. */
  call(job: Job): Promise<string | undefined> {
    const { code, inputs, files } = job;
    this.#channel.write(`${JSON.stringify({ code, inputs, files })}\n`);
    return this.#line();
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #line(timeoutMs?: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => settle(undefined), timeoutMs).unref();
      const settle = (line: string | undefined): void => {
        clearTimeout(timer);
        this.#onLine = this.#onEnd = undefined;
        resolve(line);
      };
      this.#onLine = settle;
      this.#onEnd = () => settle(undefined);
      if (this.isGone) settle(undefined);
    });
  }

  #read(text: string): void {
    this.#text += text;
    if (this.#text.length > MAX_ANSWER_CHARS) this.kill();
    const end = this.#text.indexOf("\n");
    if (end < 0) return;
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    this.#onLine?.(line);
  }

  #gone(): void {
    this.isGone = true;
    this.#onEnd?.();
  }
}

function lengthOf(image: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(image.length);
  return length;
}

/**
 * The memory of an interpreter that has just started, without anybody's code: others start from it in a tenth of the time.
 * Empty where it could not be made; they start from nothing then.
 */
function makeImage(parts: PythonParts): Promise<Buffer> {
  return new Promise((resolve) => {
    const maker = start(parts, "image");
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => maker.kill("SIGKILL"), START_TIMEOUT_MS);
    const channel = maker.stdio[CHANNEL] as Socket;
    channel.on("data", (chunk: Buffer) => void chunks.push(chunk));
    channel.on("error", () => maker.kill("SIGKILL"));
    maker.on("error", () => resolve(Buffer.alloc(0)));
    maker.on("close", () => {
      clearTimeout(timer);
      const all = Buffer.concat(chunks);
      const isWhole = all.length > 4 && all.readUInt32BE() === all.length - 4;
      resolve(isWhole ? all.subarray(4) : Buffer.alloc(0));
    });
  });
}

function start({ child, pyodide, readable }: PythonParts, mode: "image" | "serve"): ChildProcess {
  const pages = (INTERPRETER_BYTES + MAX_CODE_MEMORY_BYTES) / PAGE_BYTES;
  const paths = [...readable, child, pyodide].flatMap((url) => withReal(fileURLToPath(url)));
  const command = [
    process.execPath,
    "--permission",
    ...paths.map((path) => `--allow-fs-read=${path}`),
    "--disallow-code-generation-from-strings",
    `--wasm-max-mem-pages=${pages}`,
    `--max-old-space-size=${HEAP_MB}`,
    "--no-warnings",
    "--no-addons",
    fileURLToPath(child),
    pyodide.href,
    mode,
  ];
  // The kernel's limits hold though we die: no file can grow, no core is dumped, processor time ends.
  const limits = `ulimit -t ${CPU_SECONDS}; ulimit -f 0; ulimit -c 0; exec "$@"`;
  const [file = "", ...args] = existsSync(SHELL) ? [SHELL, "-c", limits, "code", ...command] : command;
  return spawn(file, args, { env: {}, cwd: "/", stdio: ["ignore", "ignore", "pipe", "pipe"] });
}

/** The permission model looks at the path as written and as it really is. */
function withReal(path: string): string[] {
  const real = realpathSync(path);
  return path.replace(/\/$/, "") === real ? [path] : [path, real];
}

/** Runs Python, each program in a process of its own; one is always started ahead. */
export class PythonRunner {
  readonly #parts: PythonParts;
  #warm: Child | undefined;
  #image: Promise<Buffer> | undefined;
  #isClosed = false;

  constructor(parts: PythonParts) {
    this.#parts = parts;
  }

  /** Starts an interpreter ahead of the first program. Resolves when it is ready. */
  async warm(): Promise<void> {
    if (this.#warm?.isGone) this.#warm = undefined;
    const child = this.#warm ?? (await this.#start());
    if (this.#warm && this.#warm !== child) child.kill();
    else this.#warm = child;
    const warm = this.#warm;
    warm.ref(true);
    await warm.ready;
    if (this.#warm === warm) warm.ref(false);
  }

  async run(job: Job, signal?: AbortSignal): Promise<CodeOutcome> {
    const child = await this.#take();
    try {
      return await this.#watched(child, job, signal);
    } finally {
      child.kill();
      // Not before: on two cores the start of the next one would take the program's time.
      if (!this.#isClosed) this.warm().catch(() => {});
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#warm?.kill();
  }

  async #start(): Promise<Child> {
    this.#image ??= makeImage(this.#parts);
    const child = new Child(this.#parts, await this.#image);
    if (this.#isClosed) child.kill();
    return child;
  }

  async #take(): Promise<Child> {
    for (let attempt = 0; ; attempt++) {
      const child = this.#warm ?? (await this.#start());
      if (this.#warm === child) this.#warm = undefined;
      child.ref(true);
      try {
        await child.ready;
        if (!child.isGone) return child;
      } catch (thrown) {
        if (attempt > 0) throw thrown;
      }
    }
  }

  async #watched(child: Child, job: Job, signal?: AbortSignal): Promise<CodeOutcome> {
    const began = performance.now();
    const ceiling = PROCESS_BYTES + job.memoryBytes;
    let reason: "timeout" | "cancelled" | "memory_exceeded" | undefined;
    let last: ProcessUsage = { memoryBytes: 0, cpuMs: 0 };
    let first: ProcessUsage | undefined;
    const stop = (why: NonNullable<typeof reason>): void => {
      reason ??= why;
      child.kill();
    };
    const abort = (): void => stop("cancelled");
    const timer = setTimeout(() => stop("timeout"), job.timeoutMs);
    const watch = setInterval(async () => {
      const usage = await processUsage(child.pid);
      if (!usage) return;
      first ??= usage;
      last = { cpuMs: usage.cpuMs, memoryBytes: Math.max(last.memoryBytes, usage.memoryBytes) };
      if (usage.memoryBytes > ceiling) stop("memory_exceeded");
    }, WATCH_MS);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    try {
      const line = await child.call(job);
      const outcome = reason === undefined && line !== undefined ? outcomeOf(line) : undefined;
      if (outcome) return outcome;
      const durationMs = Math.round(performance.now() - began);
      const cpuMs = first ? last.cpuMs - first.cpuMs : 0;
      const spent = { durationMs, cpuMs, peakMemoryBytes: last.memoryBytes };
      const code = reason ?? "crashed";
      return stopped(code, messageFor(code, job), spent);
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener("abort", abort);
    }
  }
}

function messageFor(code: "timeout" | "cancelled" | "memory_exceeded" | "crashed", job: Job): string {
  switch (code) {
    case "timeout":
      return timeoutMessage(job.timeoutMs);
    case "cancelled":
      return "the run was cancelled";
    case "memory_exceeded":
      return "the code used more memory than it may";
    case "crashed":
      return "the program ended the interpreter";
  }
}

/** The child's answer; undefined when the program spoiled it. */
function outcomeOf(line: string): CodeOutcome | undefined {
  try {
    const { output, ...rest } = Answer.parse(JSON.parse(line));
    return { ...rest, output: JSON.parse(output) as unknown };
  } catch {
    return undefined;
  }
}
