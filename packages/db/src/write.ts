import { TransactWriteCommand } from "@aws-sdk/lib-dynamodb";
import { AppError, conflict } from "@weft/kernel/errors";
import type { Entity, Schema, TransactWriteEntity } from "electrodb";
import { isConditionFailure, isWriteConflict, toAppError } from "./errors.ts";
import { documentClient } from "./table.ts";

/** DynamoDB's limit on the actions of one transaction; ElectroDB does not check it. */
export const MAX_TRANSACTION_ITEMS = 100;

const CONFLICT_ATTEMPTS = 6;
const CONFLICT_BACKOFF_MS = 15;

/** One action of a transaction, as `tx(entity).create({…}).commit()` makes it. */
export type WriteOp = { Put: object } | { Update: object } | { Delete: object } | { ConditionCheck: object };

/** Makes the error of an action whose condition did not hold. It may read to find out why. */
export type Refusal = () => AppError | Promise<AppError>;

const refusals = new WeakMap<object, Refusal>();

/** The entity as the maker of transaction actions: `tx(User).create({…}).commit()`. */
export function tx<A extends string, F extends string, C extends string, S extends Schema<A, F, C>>(
  entity: Entity<A, F, C, S>,
): TransactWriteEntity<A, F, C, S> {
  return entity as unknown as TransactWriteEntity<A, F, C, S>;
}

/** Names the error that {@link transact} throws when the condition of this action does not hold. */
export function guarded<Op extends WriteOp>(op: Op, refusal: Refusal): Op {
  refusals.set(op, refusal);
  return op;
}

/**
 * Runs one write of a single row and turns what the store says into an {@link AppError}: `conflict` for a condition
 * that did not hold unless `refusal` says otherwise, `too_large`, `unavailable`, `internal`. Writes that met a
 * transaction on the same row are repeated.
 */
export async function write<T extends object>(run: () => Promise<T>, refusal?: Refusal): Promise<T> {
  const result = await tryWrite(run);
  if (result !== null) return result;
  throw refusal ? await refusal() : changedMeanwhile();
}

/** {@link write} for a caller who expects the condition to fail at times: null where it did not hold. */
export async function tryWrite<T extends object>(run: () => Promise<T>): Promise<T | null> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (thrown) {
      if (isConditionFailure(thrown)) return null;
      if (!isWriteConflict(thrown) || attempt >= CONFLICT_ATTEMPTS) throw toAppError(thrown);
      await backOff(attempt);
    }
  }
}

/** Runs one read and turns what the store says into an {@link AppError}. */
export async function read<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw toAppError(thrown);
  }
}

/**
 * Writes all of the actions or none. Throws the error of the first action whose condition did not hold (see
 * {@link guarded}), `conflict` where it names none, and the errors of {@link write}. Transactions that met another
 * on the same row are repeated. `token` makes a repeat within ten minutes write nothing.
 */
export async function transact(ops: readonly WriteOp[], options: { token?: string } = {}): Promise<void> {
  const refused = await tryTransact(ops, options);
  if (refused) throw await refusalOf(refused);
}

/** {@link transact} for a caller who expects a condition to fail at times: gives the first such action, null where all was written. */
export async function tryTransact(ops: readonly WriteOp[], options: { token?: string } = {}): Promise<WriteOp | null> {
  if (ops.length === 0) return null;
  if (ops.length > MAX_TRANSACTION_ITEMS) {
    throw new AppError("too_large", `one change may touch at most ${MAX_TRANSACTION_ITEMS} rows`);
  }
  const input = { TransactItems: [...ops], ...(options.token ? { ClientRequestToken: options.token } : {}) };
  for (let attempt = 1; ; attempt++) {
    try {
      await documentClient().send(
        new TransactWriteCommand(input as ConstructorParameters<typeof TransactWriteCommand>[0]),
      );
      return null;
    } catch (thrown) {
      const reasons = cancellationReasons(thrown);
      const refused = ops[reasons.findIndex((reason) => reason.Code === "ConditionalCheckFailed")];
      if (refused) return refused;
      const isConflict = reasons.some((reason) => reason.Code === "TransactionConflict") || isWriteConflict(thrown);
      if (!isConflict || attempt >= CONFLICT_ATTEMPTS) throw cancelled(reasons, thrown);
      await backOff(attempt);
    }
  }
}

interface Reason {
  Code?: string;
  Message?: string;
}

function cancellationReasons(thrown: unknown): Reason[] {
  const reasons = (thrown as { CancellationReasons?: unknown } | null)?.CancellationReasons;
  return Array.isArray(reasons) ? reasons : [];
}

async function refusalOf(op: WriteOp): Promise<AppError> {
  const refusal = refusals.get(op);
  return refusal ? await refusal() : changedMeanwhile();
}

function changedMeanwhile(): AppError {
  return conflict("the object was changed by someone else");
}

function cancelled(reasons: readonly Reason[], thrown: unknown): AppError {
  const reason = reasons.find(({ Code }) => Code !== undefined && Code !== "None");
  if (!reason) return toAppError(thrown);
  const cause = new Error(reason.Message ?? reason.Code, { cause: thrown });
  cause.name = reason.Code ?? "Error";
  return toAppError(cause);
}

/** Full jitter, so that writers that met once do not meet again. */
function backOff(attempt: number): Promise<void> {
  const delay = Math.random() * CONFLICT_BACKOFF_MS * 2 ** attempt;
  return new Promise((resolve) => setTimeout(resolve, delay));
}
