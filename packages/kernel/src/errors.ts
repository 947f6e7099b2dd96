/**
 * The closed list of error codes and the HTTP status of each. Statuses live here and nowhere else; the OpenAPI error
 * components are generated from this map.
 */
export const ERROR_STATUS = {
  invalid_input: 400,
  invalid_cursor: 400,
  unauthenticated: 401,
  payment_required: 402,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unsupported_media_type: 415,
  unprocessable: 422,
  rate_limited: 429,
  internal: 500,
  upstream: 502,
  unavailable: 503,
  timeout: 504,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** One problem in the caller's input: `path` names the field (`nodes.3.data.config`), `message` says what is wrong. */
export interface FieldIssue {
  path: string;
  message: string;
}

export interface AppErrorOptions {
  /** Sent to the caller. Never put a secret, a stack or another space's data here. */
  details?: unknown;
  /** Logged, never sent. */
  cause?: unknown;
  /** True when the same call may succeed later without a change. */
  retryable?: boolean;
}

/** The one error type of the product. Anything else that reaches the HTTP edge is answered as `internal`. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly details: unknown;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryable = options.retryable ?? (code === "rate_limited" || code === "unavailable" || code === "timeout");
  }

  /** The HTTP status of {@link code}. */
  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

/** `invalid_input` naming one field. */
export function invalidField(path: string, message: string): AppError {
  return invalidInput([{ path, message }]);
}

/** `invalid_input` naming every field that is wrong; the message repeats the first. */
export function invalidInput(issues: readonly FieldIssue[]): AppError {
  const first = issues[0];
  const message = first ? `${first.path ? `${first.path}: ` : ""}${first.message}` : "invalid input";
  return new AppError("invalid_input", message, { details: { issues } });
}

/** `not_found`; also the answer for an object of another space. */
export function notFound(what: string, id?: string): AppError {
  return new AppError("not_found", id ? `${what} ${id} not found` : `${what} not found`);
}

export function conflict(message: string, options?: AppErrorOptions): AppError {
  return new AppError("conflict", message, options);
}

export function forbidden(message = "not allowed"): AppError {
  return new AppError("forbidden", message);
}

export function unauthenticated(message = "authentication required"): AppError {
  return new AppError("unauthenticated", message);
}

/** Closes a switch over a union: a member without a case fails to compile. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${String(value)}`);
}

/** The message of anything thrown, whatever it is: a frozen object, a string, undefined, a hostile proxy. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message);
    return typeof thrown === "string" ? thrown : (JSON.stringify(thrown) ?? String(thrown));
  } catch {
    return "an error that cannot be described";
  }
}
