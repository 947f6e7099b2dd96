import { NodeError } from "@weft/engine/node";
import { AppError } from "@weft/kernel/errors";

/** What a caller did wrong is the node's failure; what goes wrong with us stays ours and is tried again. */
export async function asNodeError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    const { code, message, retryable, status } = thrown;
    // A called workflow's limit: the node's own policy says whether it is tried again.
    if ((!retryable && status < 500) || code === "rate_limited") throw new NodeError(code, message, { retryable });
    throw thrown;
  }
}
