import { NodeError } from "@weft/engine/node";

/** Which bound of a request was met. */
export type SizeLimit = "request_body" | "request_headers" | "response_headers" | "response_body";
export type TimeLimit = "connect" | "first_byte" | "total";
/** How far a request came: until `exchange` nothing of it had left. */
export type Phase = "resolve" | "connect" | "exchange";

const what: Readonly<Record<SizeLimit, string>> = {
  request_body: "the body to send is",
  request_headers: "the headers to send are",
  response_headers: "the headers of the answer are",
  response_body: "the answer is",
};

export function tooLarge(limit: SizeLimit, max: number): NodeError {
  const details = { limit, max };
  return new NodeError("too_large", `${what[limit]} larger than ${max} bytes`, { retryable: false, details });
}

const late: Readonly<Record<TimeLimit, string>> = {
  connect: "no connection",
  first_byte: "no answer",
  total: "no complete answer",
};

export function timedOut(limit: TimeLimit, ms: number, phase: Phase): NodeError {
  return new NodeError("timeout", `${late[limit]} within ${ms} ms`, { details: { limit, ms, phase } });
}

export function unreachable(message: string, phase: Phase, cause?: unknown): NodeError {
  return new NodeError("unreachable", message, { details: { phase }, ...(cause === undefined ? {} : { cause }) });
}

/** What no further try would change. `reason` is a word for programs. */
export function refused(code: string, message: string, reason?: string): NodeError {
  return new NodeError(code, message, { retryable: false, ...(reason === undefined ? {} : { details: { reason } }) });
}

/** A failure behind a redirect: what it leads away from had been received. */
export function afterSending(thrown: unknown): unknown {
  if (!(thrown instanceof NodeError)) return thrown;
  const { code, message, retryable, cause } = thrown;
  const details = thrown.details as { phase?: Phase } | undefined;
  if (details?.phase === undefined) return thrown;
  return new NodeError(code, message, { retryable, cause, details: { ...details, phase: "exchange" } });
}
