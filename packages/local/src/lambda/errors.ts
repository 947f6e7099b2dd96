import { messageOf } from "@weft/kernel/errors";
import type { ErrorPayload } from "./types.ts";

/** Largest request and response of a synchronous invocation: 6 MB and 100 bytes, as Lambda counts it. */
export const SYNC_PAYLOAD_LIMIT = 6_291_556;
/** Largest event of an asynchronous invocation (Lambda quotas, 1 MB since 2026). */
export const ASYNC_PAYLOAD_LIMIT = 1_048_576;

/** An error of the Lambda service itself, before or beside the function: `name` is the API's exception. */
export class LambdaServiceError extends Error {
  readonly status: number;
  constructor(name: string, status: number, message: string) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

/** What a thrown value becomes in the payload of a failed invocation. */
export function errorPayload(thrown: unknown): ErrorPayload {
  if (thrown instanceof Error) {
    return {
      errorType: thrown.name || "Error",
      errorMessage: messageOf(thrown),
      trace: typeof thrown.stack === "string" ? thrown.stack.split("\n") : [],
    };
  }
  return { errorType: typeof thrown, errorMessage: messageOf(thrown), trace: [] };
}

export function timedOut(requestId: string, seconds: number): ErrorPayload {
  const message = `RequestId: ${requestId} Error: Task timed out after ${seconds.toFixed(2)} seconds`;
  return { errorType: "Sandbox.Timedout", errorMessage: message };
}

export function exited(requestId: string, reason: string): ErrorPayload {
  return { errorType: "Runtime.ExitError", errorMessage: `RequestId: ${requestId} Error: ${reason}` };
}

export function responseTooLarge(bytes: number): ErrorPayload {
  return {
    errorType: "Function.ResponseSizeTooLarge",
    errorMessage: `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${SYNC_PAYLOAD_LIMIT} bytes).`,
  };
}
