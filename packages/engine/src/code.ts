/** Languages that user code may be written in. */
export const CODE_LANGUAGES = ["python", "javascript", "typescript"] as const;
export type CodeLanguage = (typeof CODE_LANGUAGES)[number];

/** Characters of one program. */
export const MAX_CODE_CHARS = 400_000;
/** Bytes of the JSON of all inputs, and of the output: both fit a Lambda payload (6 MB) with what is beside them. */
export const MAX_CODE_IO_BYTES = 2 * 1024 * 1024;
/** Bytes kept of each of stdout and stderr; what is beyond is dropped and said so. */
export const MAX_CODE_STREAM_BYTES = 256 * 1024;
/** Bytes of all files together that one run is given, and that it may leave; base64 makes them a third longer. */
export const MAX_CODE_FILE_BYTES = 1024 * 1024;
export const MAX_CODE_FILES = 20;
/** Wall clock of one run where nothing is said (Coze's code node), and at most. */
export const CODE_TIMEOUT_MS = 60_000;
export const MAX_CODE_TIMEOUT_MS = 120_000;
/** Bytes that the program's own heap may reach. */
export const MAX_CODE_MEMORY_BYTES = 256 * 1024 * 1024;
export const MIN_CODE_MEMORY_BYTES = 16 * 1024 * 1024;

export interface CodeLimits {
  /** Wall clock, at most {@link MAX_CODE_TIMEOUT_MS}. */
  timeoutMs?: number | undefined;
  /** Heap of the program, at most {@link MAX_CODE_MEMORY_BYTES}. */
  memoryBytes?: number | undefined;
}

/** One program to run, with what it is given. */
export interface CodeRequest {
  language: CodeLanguage;
  code: string;
  /** What `main` gets: `args.params`. JSON. */
  inputs: Record<string, unknown>;
  limits?: CodeLimits | undefined;
  /** What lies in its working folder: at most {@link MAX_CODE_FILES} and {@link MAX_CODE_FILE_BYTES}. */
  files?: readonly CodeFile[] | undefined;
  /** Whose code it is: runs of different tenants never share a process. */
  tenant: string;
}

export const CODE_ERRORS = [
  "syntax_error",
  "code_error",
  "invalid_output",
  "output_too_large",
  "memory_exceeded",
  "timeout",
  "cancelled",
  "crashed",
] as const;

/** Why a program did not end well. `line` and `column` count from 1 in the user's own text. */
export interface CodeError {
  code: (typeof CODE_ERRORS)[number];
  message: string;
  line?: number | undefined;
  column?: number | undefined;
  stack?: string | undefined;
}

/** A file in the program's working folder: given to it, or left by it. */
export interface CodeFile {
  name: string;
  base64: string;
}

/** What came of a run. A program that failed is an outcome too: nothing is thrown for it. */
export interface CodeOutcome {
  /** What `main` returned; null for a program without one. */
  output: unknown;
  stdout: string;
  stderr: string;
  /** 0 well, 1 an error of the program, 124 its time was up, 130 cancelled, 137 out of memory or crashed. */
  exitCode: number;
  durationMs: number;
  cpuMs: number;
  peakMemoryBytes: number;
  /** What it wrote; a file that was given to it and that it left as it was is not among them. */
  files: CodeFile[];
  error?: CodeError | undefined;
}

/** Exit codes as shells give them. */
export const CODE_EXIT = { timeout: 124, cancelled: 130, memory_exceeded: 137, crashed: 137 } as const;

/** Runs user code somewhere it can do no harm. */
export interface CodeRunner {
  run(request: CodeRequest, signal?: AbortSignal): Promise<CodeOutcome>;
}
