import releaseSync from "@jitl/quickjs-singlefile-mjs-release-sync";
import {
  CODE_EXIT,
  type CodeError,
  type CodeFile,
  type CodeOutcome,
  MAX_CODE_FILE_BYTES,
  MAX_CODE_FILES,
  MAX_CODE_IO_BYTES,
} from "@weft/engine/code";
import {
  type CustomizeVariantOptions,
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
} from "quickjs-emscripten-core";
import { fileRefused, type Job, timeoutMessage } from "./bounds.ts";
import { PRELUDE } from "./javascript-prelude.ts";
import { TextSink } from "./text-sink.ts";
import { stripTypes } from "./typescript.ts";

const FILE = "code.js";
const MAX_STACK_BYTES = 512 * 1024;
/** Where the program's `main` is left for the prelude; appended behind the user's last line, so that no line moves. */
const ENTRY = "__weft_main__";
const PAGE_BYTES = 64 * 1024;
type WasmMemory = NonNullable<CustomizeVariantOptions["wasmMemory"]> & { buffer: ArrayBuffer };
// Node's types name the namespace and leave its classes to the DOM's.
const wasm = (globalThis as unknown as { WebAssembly: WasmClasses }).WebAssembly;
interface WasmClasses {
  Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
}
/** What the interpreter's own image asks for at its start. */
const INITIAL_PAGES = 256;
const RETURN_OUTSIDE = /return not in a function/;
const OUT_OF_MEMORY = /out of memory/;
/** Frames of ours behind the user's own. */
const OUR_FRAME = /^.*prelude\.js.*\n?/gm;

interface Ended {
  json?: string;
  error?: CodeError;
}

/** One program in a context of its own: a fresh WebAssembly instance, of which nothing outlives the call. */
class Program {
  readonly #context: QuickJSContext;
  readonly #job: Job;
  readonly #deadline: number;
  readonly #streams: [TextSink, TextSink] = [new TextSink(), new TextSink()];
  readonly #files = new Map<string, string>();
  #fileBytes = 0;
  #ended: Ended | undefined;
  #isLate = false;
  #isRunning = false;

  constructor(context: QuickJSContext, job: Job) {
    this.#context = context;
    this.#job = job;
    this.#deadline = performance.now() + job.timeoutMs;
    const { runtime } = context;
    runtime.setMemoryLimit(job.memoryBytes);
    runtime.setMaxStackSize(MAX_STACK_BYTES);
    runtime.setInterruptHandler(() => {
      this.#isLate ||= performance.now() > this.#deadline;
      return this.#isLate;
    });
    runtime.setModuleLoader((name) => ({
      error: new Error(`cannot import "${name}": a program has the language itself and what it is given`),
    }));
  }

  async run(): Promise<Pick<CodeOutcome, "output" | "stdout" | "stderr" | "exitCode" | "files" | "error">> {
    let ended: Ended;
    try {
      ended = await this.#drive(this.#start());
    } catch (thrown) {
      ended = { error: this.#isLate ? this.#late() : describe(thrown) };
    }
    const { json, error } = ended;
    return {
      output: json === undefined ? null : (JSON.parse(json) as unknown),
      stdout: this.#streams[0].text(),
      stderr: this.#streams[1].text(),
      exitCode: error === undefined ? 0 : ((CODE_EXIT as Record<string, number>)[error.code] ?? 1),
      files: [...this.#files].map(([name, base64]): CodeFile => ({ name, base64 })),
      ...(error ? { error } : {}),
    };
  }

  /** Evaluates the program and calls its `main`; what it promised may still be open afterwards. */
  #start(): QuickJSHandle {
    const context = this.#context;
    const host = this.#prelude();
    const namespace = this.#evaluate(this.#job.code, false);
    if (namespace === undefined) return host;
    const main = this.#call(host, "take") ?? context.undefined;
    const args = this.#call(host, "args", context.newString(this.#job.inputs));
    this.#isRunning = true;
    const finish = context.newFunction("finish", (text) => this.#finish(context.getString(text)));
    const fail = context.newFunction("fail", (thrown, code) => {
      this.#fail(thrown, context.getString(code) as CodeError["code"]);
    });
    if (args !== undefined) this.#call(host, "start", namespace, main, args, finish, fail);
    return host;
  }

  #prelude(): QuickJSHandle {
    const context = this.#context;
    const log = context.newFunction("log", (stream, text) => {
      this.#streams[context.getNumber(stream) === 2 ? 1 : 0].write(Buffer.from(context.getString(text)));
    });
    const given = context.newFunction("givenFile", (name) => {
      const base64 = this.#file(context.getString(name));
      return base64 === undefined ? context.undefined : context.newString(base64);
    });
    const keep = context.newFunction("keepFile", (name, base64) => {
      const refused = this.#keep(context.getString(name), context.getString(base64));
      if (refused) throw new RangeError(refused);
    });
    const make = context.unwrapResult(context.evalCode(PRELUDE, "prelude.js"));
    return context.unwrapResult(context.callFunction(make, context.undefined, log, keep, given));
  }

  /** The module's namespace; undefined where it failed. */
  #evaluate(code: string, isBody: boolean): QuickJSHandle | undefined {
    const context = this.#context;
    const text = isBody
      ? `export default async function (args) { const params = args.params; ${code}\n}`
      : `${code}\n;globalThis.${ENTRY} = typeof main === "function" ? main : undefined;`;
    const result = context.evalCode(text, FILE, { type: "module" });
    if (result.error) {
      const isReturn = RETURN_OUTSIDE.test(context.dump(context.getProp(result.error, "message")) ?? "");
      if (isReturn && !isBody) return this.#evaluate(code, true);
      this.#fail(result.error, "code_error");
      return undefined;
    }
    return this.#settled(result.value);
  }

  #settled(handle: QuickJSHandle): QuickJSHandle | undefined {
    this.#jobs();
    const state = this.#context.getPromiseState(handle);
    if (state.type === "fulfilled") return state.value;
    if (state.type === "rejected") this.#fail(state.error, "code_error");
    else this.#end({ code: "code_error", message: "top-level await is not available: use an async main" });
    return undefined;
  }

  #call(host: QuickJSHandle, name: string, ...args: QuickJSHandle[]): QuickJSHandle | undefined {
    const result = this.#context.callFunction(this.#context.getProp(host, name), this.#context.undefined, ...args);
    if (!result.error) return result.value;
    this.#fail(result.error, "code_error");
    return undefined;
  }

  /** Runs what was promised and what timers hold, until the program has ended or nothing is left to wait for. */
  async #drive(host: QuickJSHandle): Promise<Ended> {
    for (;;) {
      this.#jobs();
      if (this.#ended) return this.#ended;
      const wait = this.#call(host, "wait");
      const ms = wait === undefined ? -1 : this.#context.getNumber(wait);
      if (this.#ended) return this.#ended;
      if (ms < 0) {
        return { error: { code: "code_error", message: "main never ended: what it awaits is never settled" } };
      }
      const left = this.#deadline - performance.now();
      if (ms > left) this.#isLate = true;
      if (this.#isLate) return { error: this.#late() };
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      this.#call(host, "fire");
    }
  }

  #jobs(): void {
    while (!this.#ended && this.#context.runtime.hasPendingJob()) {
      const result = this.#context.runtime.executePendingJobs(1_000);
      if (result.error) this.#fail(result.error, "code_error");
      this.#isLate ||= performance.now() > this.#deadline;
      if (this.#isLate) this.#end(this.#late());
    }
  }

  #finish(json: string): void {
    if (Buffer.byteLength(json) <= MAX_CODE_IO_BYTES) this.#ended ??= { json };
    else this.#end({ code: "output_too_large", message: `the output has more than ${MAX_CODE_IO_BYTES} bytes` });
  }

  #end(error: CodeError): void {
    this.#ended ??= { error };
  }

  #late(): CodeError {
    return { code: "timeout", message: timeoutMessage(this.#job.timeoutMs) };
  }

  #fail(thrown: QuickJSHandle, code: CodeError["code"]): void {
    this.#end(this.#isLate ? this.#late() : this.#errorOf(thrown, code));
  }

  #errorOf(thrown: QuickJSHandle, code: CodeError["code"]): CodeError {
    const { name, message, stack } = this.#read(thrown);
    if (OUT_OF_MEMORY.test(message)) {
      return { code: "memory_exceeded", message: `the code used more than ${this.#job.memoryBytes} bytes` };
    }
    const place = /code\.js:(\d+)(?::(\d+))?/.exec(stack);
    const error: CodeError = {
      code: name === "SyntaxError" && !this.#isRunning ? "syntax_error" : code,
      message: name === "" ? message : `${name}: ${message}`,
      ...(place ? { line: Number(place[1]) } : {}),
      ...(place?.[2] ? { column: Number(place[2]) } : {}),
      ...(stack === "" ? {} : { stack }),
    };
    this.#streams[1].write(Buffer.from(`${error.message}\n${stack}`));
    return error;
  }

  #read(thrown: QuickJSHandle): { name: string; message: string; stack: string } {
    const context = this.#context;
    if (context.typeof(thrown) !== "object") return { name: "", message: context.getString(thrown), stack: "" };
    const text = (name: string): string => {
      const value = context.getProp(thrown, name);
      return context.typeof(value) === "string" ? context.getString(value) : "";
    };
    const message = text("message");
    return {
      name: text("name"),
      message: message === "" ? "an error without a message" : message,
      stack: text("stack").replace(OUR_FRAME, ""),
    };
  }

  /** As it is by now. */
  #file(name: string): string | undefined {
    return this.#files.get(name) ?? this.#job.files.find((file) => file.name === name)?.base64;
  }

  /** Keeps a file, or says why not. */
  #keep(name: string, base64: string): string | undefined {
    const refused = fileRefused(name);
    if (refused) return refused;
    const before = this.#files.get(name)?.length ?? 0;
    const bytes = this.#fileBytes + ((base64.length - before) * 3) / 4;
    if (bytes > MAX_CODE_FILE_BYTES) return `files may have ${MAX_CODE_FILE_BYTES} bytes together`;
    if (before === 0 && this.#files.size >= MAX_CODE_FILES) return `at most ${MAX_CODE_FILES} files may be written`;
    this.#fileBytes = bytes;
    this.#files.set(name, base64);
    return undefined;
  }
}

function describe(thrown: unknown): CodeError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof RangeError) return { code: "code_error", message: "InternalError: stack overflow" };
  return { code: "crashed", message: `the program ended the interpreter: ${message.slice(0, 500)}` };
}

/** The whole memory of one interpreter: its own image, then what the program may take. */
function memoryOf(bytes: number): WasmMemory {
  return new wasm.Memory({ initial: INITIAL_PAGES, maximum: INITIAL_PAGES + Math.ceil(bytes / PAGE_BYTES) });
}

/** Runs one JavaScript or TypeScript program to its end. Does not bound native loops: the caller ends the thread. */
export async function runProgram(job: Job): Promise<CodeOutcome> {
  const began = performance.now();
  const cpu = process.threadCpuUsage();
  const spent = () => {
    const { user, system } = process.threadCpuUsage(cpu);
    return { durationMs: Math.round(performance.now() - began), cpuMs: Math.round((user + system) / 1000) };
  };
  const source = job.language === "typescript" ? stripTypes(job.code) : { code: job.code };
  if ("error" in source) {
    const stderr = source.error.message;
    const base = { output: null, stdout: "", stderr, exitCode: 1, files: [], peakMemoryBytes: 0 };
    return { ...base, ...spent(), error: source.error };
  }
  const wasmMemory = memoryOf(job.memoryBytes);
  const module = await newQuickJSWASMModuleFromVariant(newVariant(releaseSync, { wasmMemory }));
  const context = module.newContext();
  const outcome = await new Program(context, { ...job, code: source.code }).run();
  return { ...outcome, ...spent(), peakMemoryBytes: wasmMemory.buffer.byteLength };
}
