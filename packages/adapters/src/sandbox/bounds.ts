import {
  CODE_EXIT,
  CODE_TIMEOUT_MS,
  type CodeError,
  type CodeFile,
  type CodeLimits,
  type CodeOutcome,
  MAX_CODE_MEMORY_BYTES,
  MAX_CODE_TIMEOUT_MS,
  MIN_CODE_MEMORY_BYTES,
} from "@weft/engine/code";

export interface Bounds {
  timeoutMs: number;
  memoryBytes: number;
}

/** A program on its way into a worker or child. */
export interface Job extends Bounds {
  language: string;
  code: string;
  /** JSON. */
  inputs: string;
  /** What lies in its working folder. */
  files: readonly CodeFile[];
}

/** The limits of a run, each within what the platform allows. */
export function boundsOf(limits: CodeLimits = {}): Bounds {
  const { timeoutMs = CODE_TIMEOUT_MS, memoryBytes = MAX_CODE_MEMORY_BYTES } = limits;
  return {
    timeoutMs: Math.min(Math.max(1, timeoutMs), MAX_CODE_TIMEOUT_MS),
    memoryBytes: Math.min(Math.max(MIN_CODE_MEMORY_BYTES, memoryBytes), MAX_CODE_MEMORY_BYTES),
  };
}

export interface Spent {
  durationMs: number;
  cpuMs: number;
  peakMemoryBytes: number;
}

/** The outcome of a run that was ended from outside: what it printed is lost with it. */
export function stopped(code: keyof typeof CODE_EXIT, message: string, spent: Spent): CodeOutcome {
  const error: CodeError = { code, message };
  return { output: null, stdout: "", stderr: "", exitCode: CODE_EXIT[code], ...spent, files: [], error };
}

export function timeoutMessage(timeoutMs: number): string {
  return `the code ran longer than ${timeoutMs} ms`;
}

/** Why this is no name for a file of a program's working folder. */
export function fileRefused(name: string): string | undefined {
  const isPlain = /^[^/\\\0]{1,255}$/.test(name) && name !== "." && name !== "..";
  return isPlain ? undefined : `"${name.slice(0, 100)}" is no plain file name`;
}
