import { AppError, messageOf } from "@weft/kernel/errors";

/** Names under which DynamoDB and the network say "later": the same call may succeed. */
const TRANSIENT = new Set([
  "ProvisionedThroughputExceededException",
  "ProvisionedThroughputExceeded",
  "ThrottlingException",
  "ThrottlingError",
  "RequestLimitExceeded",
  "LimitExceededException",
  "TransactionInProgressException",
  "TransactionConflictException",
  "TransactionConflict",
  "InternalServerError",
  "ServiceUnavailable",
  "ServiceUnavailableException",
  "TimeoutError",
  "AbortError",
  "NetworkingError",
  "ReplicatedWriteConflictException",
]);

const NETWORK_CODE = /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/;

/** DynamoDB's words for an item over 400 KB, single and inside a transaction. */
const TOO_LARGE = /item (size|collection size)|size (has )?exceeded|exceeds? .*size limit/i;
/** Its words for a start key that is not of the query: the cursor of another list. */
const FOREIGN_START_KEY = /start(ing)? ?key|ExclusiveStartKey|Unable to parse cursor/i;

interface StorageError {
  name: string;
  message: string;
  code?: unknown;
  raw: unknown;
}

/** What the database or the network said, from inside ElectroDB's wrapper. */
export function storageError(thrown: unknown): StorageError {
  const outer = thrown as { isElectroError?: boolean; cause?: unknown } | null;
  const raw = outer?.isElectroError && outer.cause instanceof Error ? outer.cause : thrown;
  const { name, code } = (raw ?? {}) as { name?: unknown; code?: unknown };
  return { name: typeof name === "string" ? name : "Error", message: messageOf(raw), code, raw };
}

/** Whether a conditional write was refused because its condition did not hold. */
export function isConditionFailure(thrown: unknown): boolean {
  return storageError(thrown).name === "ConditionalCheckFailedException";
}

/** Whether two writes of the same row met; a repeat is safe, since nothing was written. */
export function isWriteConflict(thrown: unknown): boolean {
  const { name } = storageError(thrown);
  return name === "TransactionConflictException" || name === "TransactionConflict";
}

/** One storage failure as the product's error. The only place where storage errors become {@link AppError}s. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const { name, message, code, raw } = storageError(thrown);
  const cause = { cause: raw };
  if (name === "ConditionalCheckFailedException" || name === "ConditionalCheckFailed") {
    return new AppError("conflict", "the object was changed by someone else", cause);
  }
  if (TRANSIENT.has(name) || (typeof code === "string" && NETWORK_CODE.test(code))) {
    return new AppError("unavailable", "the store is busy, try again", { ...cause, retryable: true });
  }
  if (name === "ItemCollectionSizeLimitExceededException" || name === "ItemCollectionSizeLimitExceeded") {
    return new AppError("too_large", "the object is too large to store", cause);
  }
  if (name === "IdempotentParameterMismatchException") {
    return new AppError("conflict", "the same token was used for another write", cause);
  }
  if (name === "ValidationException" || name === "ValidationError") return validationError(message, raw);
  if (FOREIGN_START_KEY.test(message) && !code) return new AppError("invalid_cursor", "cursor is not valid", cause);
  return new AppError("internal", "the store refused the request", cause);
}

function validationError(message: string, cause: unknown): AppError {
  if (FOREIGN_START_KEY.test(message))
    return new AppError("invalid_cursor", "cursor is not valid for this list", { cause });
  if (TOO_LARGE.test(message)) return new AppError("too_large", "the object is too large to store", { cause });
  return new AppError("internal", "the store refused the request", { cause });
}
