import { stripTypeScriptTypes } from "node:module";
import type { CodeError } from "@weft/engine/code";

/** TypeScript as JavaScript: types are taken out and not checked. Lines stay where they were unless enums and the like ask for code. */
export function stripTypes(code: string): { code: string } | { error: CodeError } {
  try {
    return { code: stripTypeScriptTypes(code) };
  } catch (thrown) {
    if (codeOf(thrown) !== "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") return { error: errorOf(thrown) };
  }
  try {
    return { code: stripTypeScriptTypes(code, { mode: "transform" }) };
  } catch (thrown) {
    return { error: errorOf(thrown) };
  }
}

function codeOf(thrown: unknown): unknown {
  return (thrown as { code?: unknown } | null)?.code;
}

function errorOf(thrown: unknown): CodeError {
  const { message, startLine, startColumn } = thrown as { message: string; startLine?: number; startColumn?: number };
  const place = startLine === undefined ? {} : { line: startLine, column: (startColumn ?? 0) + 1 };
  return { code: "syntax_error", message: `SyntaxError: ${message}`, ...place };
}
