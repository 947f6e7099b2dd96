import {
  type CodeFile,
  type CodeOutcome,
  type CodeRequest,
  MAX_CODE_CHARS,
  MAX_CODE_FILE_BYTES,
  MAX_CODE_FILES,
  MAX_CODE_IO_BYTES,
} from "@weft/engine/code";
import { AppError } from "@weft/kernel/errors";
import { boundsOf, fileRefused } from "./bounds.ts";
import { JavaScriptRunner } from "./javascript.ts";
import { type PythonParts, PythonRunner } from "./python.ts";

/** Where the parts of the sandbox that run outside this module are. */
export interface SandboxParts {
  /** The module of the threads that run JavaScript. */
  worker: URL;
  python: PythonParts;
}

/** Runs user code of every language, each program apart from every other. */
export interface Sandbox {
  /** Throws `invalid_input` or `too_large` for what is no request; whatever the program does is an outcome. */
  run(request: Omit<CodeRequest, "tenant">, signal?: AbortSignal): Promise<CodeOutcome>;
  /** Starts a Python interpreter ahead of the first program. */
  warm(): Promise<void>;
  close(): Promise<void>;
}

/** A sandbox of threads and child processes of this process. */
export function createSandbox(parts: SandboxParts): Sandbox {
  const javascript = new JavaScriptRunner(parts.worker);
  const python = new PythonRunner(parts.python);
  return {
    async run({ language, code, inputs, limits, files = [] }, signal) {
      const json = JSON.stringify(inputs);
      if (code.length > MAX_CODE_CHARS)
        throw new AppError("too_large", `code has at most ${MAX_CODE_CHARS} characters`);
      if (Buffer.byteLength(json) > MAX_CODE_IO_BYTES) {
        throw new AppError("too_large", `the inputs of code have at most ${MAX_CODE_IO_BYTES} bytes`);
      }
      checkFiles(files);
      const job = { language, code, inputs: json, files, ...boundsOf(limits) };
      return language === "python" ? python.run(job, signal) : javascript.run(job, signal);
    },
    warm: () => python.warm(),
    close: async () => {
      await Promise.all([javascript.close(), python.close()]);
    },
  };
}

function checkFiles(files: readonly CodeFile[]): void {
  if (files.length > MAX_CODE_FILES) throw new AppError("too_large", `code is given at most ${MAX_CODE_FILES} files`);
  const bytes = files.reduce((sum, { base64 }) => sum + Buffer.byteLength(base64, "base64"), 0);
  if (bytes > MAX_CODE_FILE_BYTES) {
    throw new AppError("too_large", `the files of code have at most ${MAX_CODE_FILE_BYTES} bytes together`);
  }
  const refused = files.map(({ name }) => fileRefused(name)).find((reason) => reason !== undefined);
  if (refused) throw new AppError("invalid_input", refused);
}
