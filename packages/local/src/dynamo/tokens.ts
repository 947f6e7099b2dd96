import type { Clock } from "@weft/kernel/clock";
import { type Database, rowKey, underPrefix } from "./database.ts";
import { dynamoError } from "./errors.ts";
import type { Op } from "./types.ts";

/** DynamoDB answers a repeated transaction from its token for ten minutes. */
const TOKEN_LIFE_MS = 10 * 60 * 1000;

interface Token {
  digest: string;
  until: number;
}

/** The client request tokens of the last ten minutes; each is stored in the batch of its transaction. */
export class Tokens {
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Token>();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async load(database: Database, clock: Clock): Promise<Tokens> {
    const tokens = new Tokens(clock);
    const stored: [string, Token][] = [];
    for await (const [key, value] of database.rows(underPrefix(rowKey.token("")))) {
      stored.push([key, JSON.parse(value) as Token]);
    }
    stored.sort(([, a], [, b]) => a.until - b.until);
    for (const [key, token] of stored) tokens.#tokens.set(key, token);
    return tokens;
  }

  /** True when this transaction was made already; throws when the token was used for another. */
  repeats(token: string, digest: string): boolean {
    const known = this.#tokens.get(keyOf(token));
    if (!known || known.until <= this.#clock.now()) return false;
    if (known.digest === digest) return true;
    throw dynamoError(
      "IdempotentParameterMismatchException",
      "Request was rejected because the client request token was used with different parameters",
    );
  }

  /** Remembers the token; the row is to be written with the transaction. */
  record(token: string, digest: string): Op[] {
    const key = keyOf(token);
    const value = { digest, until: this.#clock.now() + TOKEN_LIFE_MS };
    this.#tokens.delete(key);
    this.#tokens.set(key, value);
    return [{ type: "put", key, value: JSON.stringify(value) }];
  }

  /** Rows of tokens that are over; they lie in the order of their end. */
  expire(): Op[] {
    const ops: Op[] = [];
    for (const [key, { until }] of this.#tokens) {
      if (until > this.#clock.now()) break;
      this.#tokens.delete(key);
      ops.push({ type: "del", key });
    }
    return ops;
  }
}

function keyOf(token: string): string {
  return rowKey.token(encodeURIComponent(token));
}
