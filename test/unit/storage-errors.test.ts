import { isConditionFailure, isWriteConflict, toAppError } from "@weft/db/errors";
import { read, transact, tryWrite, write } from "@weft/db/write";
import { AppError, notFound } from "@weft/kernel/errors";
import { ElectroError } from "electrodb";
import { describe, expect, it } from "vitest";

const named = (name: string, message = "", extra: object = {}) => Object.assign(new Error(message), { name, ...extra });

/** An SDK error as ElectroDB hands it on. */
function wrapped(cause: Error): Error {
  return Object.assign(new ElectroError("Error thrown by DynamoDB client"), {
    code: 4001,
    cause,
    isElectroError: true,
  });
}

describe("what the store says, as errors of the product", () => {
  it.each([
    [named("ConditionalCheckFailedException", "The conditional request failed"), "conflict", false],
    [named("ProvisionedThroughputExceededException"), "unavailable", true],
    [named("ThrottlingException"), "unavailable", true],
    [named("RequestLimitExceeded"), "unavailable", true],
    [named("TransactionConflictException"), "unavailable", true],
    [named("InternalServerError"), "unavailable", true],
    [named("TimeoutError"), "unavailable", true],
    [named("Error", "connect ECONNREFUSED 127.0.0.1:1", { code: "ECONNREFUSED" }), "unavailable", true],
    [named("ItemCollectionSizeLimitExceededException"), "too_large", false],
    [named("ValidationException", "Item size has exceeded the maximum allowed size"), "too_large", false],
    [named("ValidationException", "Item size to update has exceeded the maximum allowed size"), "too_large", false],
    [named("ValidationException", "The provided starting key is outside query boundaries"), "invalid_cursor", false],
    [named("ValidationException", "The provided starting key is invalid"), "invalid_cursor", false],
    [named("ValidationException", "ExpressionAttributeValues must not be empty"), "internal", false],
    [named("IdempotentParameterMismatchException"), "conflict", false],
    [named("ResourceNotFoundException"), "internal", false],
    [named("AccessDeniedException"), "internal", false],
    [named("TypeError", "x is not a function"), "internal", false],
  ])("%s is %s", (error, code, retryable) => {
    for (const thrown of [error, wrapped(error)]) {
      const mapped = toAppError(thrown);
      expect([mapped.code, mapped.retryable]).toEqual([code, retryable]);
      expect(mapped.cause).toBe(error);
      expect(mapped.message).not.toContain("DynamoDB");
    }
  });

  it("takes anything thrown, and leaves the product's own errors alone", () => {
    for (const thrown of [undefined, null, "text", 7, {}]) expect(toAppError(thrown).code).toBe("internal");
    const own = notFound("thing");
    expect(toAppError(own)).toBe(own);
    expect(isConditionFailure(undefined)).toBe(false);
    expect(isWriteConflict(wrapped(named("TransactionConflictException")))).toBe(true);
  });
});

describe("running writes and reads", () => {
  const refused = () => Promise.reject(wrapped(named("ConditionalCheckFailedException")));

  it("answers a failed condition as the caller says", async () => {
    await expect(write(refused)).rejects.toMatchObject({ code: "conflict" });
    await expect(write(refused, () => notFound("thing", "x"))).rejects.toMatchObject({ code: "not_found" });
    await expect(write(refused, async () => new AppError("gone", "over"))).rejects.toMatchObject({ code: "gone" });
    expect(await tryWrite(refused)).toBeNull();
  });

  it("repeats a write that met a transaction, and gives up after some tries", async () => {
    let calls = 0;
    const busy = (until: number) => async () => {
      if (++calls < until) throw named("TransactionConflictException");
      return { calls };
    };
    expect(await write(busy(3))).toEqual({ calls: 3 });
    calls = 0;
    await expect(write(busy(Number.POSITIVE_INFINITY))).rejects.toMatchObject({ code: "unavailable", retryable: true });
    expect(calls).toBeLessThanOrEqual(6);
  });

  it("passes other failures on at once", async () => {
    let calls = 0;
    const broken = async () => {
      calls++;
      throw named("ThrottlingException");
    };
    await expect(write<object>(broken)).rejects.toMatchObject({ code: "unavailable" });
    await expect(read<object>(broken)).rejects.toMatchObject({ code: "unavailable" });
    expect(calls).toBe(2);
  });

  it("refuses a transaction of too many rows before it asks the store", async () => {
    const ops = Array.from({ length: 101 }, () => ({ Put: {} }));
    await expect(transact(ops)).rejects.toMatchObject({ code: "too_large" });
  });
});
