import { createSandbox, type Sandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import type { CodeLanguage, CodeLimits, CodeOutcome } from "@weft/engine/code";

export type Run = (
  code: string,
  inputs?: Record<string, unknown>,
  limits?: CodeLimits,
  signal?: AbortSignal,
) => Promise<CodeOutcome>;

/** A sandbox of this test file alone. */
export function startSandbox(): Sandbox {
  return createSandbox(sandboxParts(import.meta.url));
}

/** Runs programs of one language. Time is generous: the machine may be busy, and no test asserts how long one took. */
export function runner(sandbox: Sandbox, language: CodeLanguage): Run {
  return (code, inputs = {}, limits = { timeoutMs: 60_000 }, signal) =>
    sandbox.run({ language, code, inputs, limits }, signal);
}
