import { clearRate, type RateRule, requireRate, takeRate } from "@weft/db/rate-limit";
import { ManualClock } from "@weft/kernel/clock";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTable } from "../support/table.ts";

let server: DynamoServer;
beforeAll(async () => {
  server = await startTable();
});
afterAll(() => server.close());

const WINDOW = 60_000;
const rule = (limit: number): RateRule => ({
  scope: "platform",
  name: "login",
  subject: newId("user"),
  limit,
  windowMs: WINDOW,
});

/** The same rule over a plain list of the calls that were allowed. */
class Model {
  readonly #allowed: number[] = [];
  readonly #limit: number;
  constructor(limit: number) {
    this.#limit = limit;
  }
  fits(now: number): boolean {
    const window = Math.floor(now / WINDOW);
    const of = (n: number) => this.#allowed.filter((time) => Math.floor(time / WINDOW) === n).length;
    const weight = 1 - (now - window * WINDOW) / WINDOW;
    return of(window) + 1 + of(window - 1) * weight <= this.#limit;
  }
  take(now: number): boolean {
    const fits = this.fits(now);
    if (fits) this.#allowed.push(now);
    return fits;
  }
}

describe("rate limit", () => {
  it("allows up to the limit, then says when to come back", async () => {
    const clock = new ManualClock();
    const limited = rule(3);
    const remaining = [];
    for (let n = 0; n < 3; n++) remaining.push((await takeRate(clock, limited)).remaining);
    expect(remaining).toEqual([2, 1, 0]);
    const refused = await takeRate(clock, limited);
    expect(refused).toEqual({ allowed: false, remaining: 0, retryAfterSeconds: 80 });
    await expect(requireRate(clock, limited)).rejects.toMatchObject({
      code: "rate_limited",
      details: { retryAfterSeconds: 80 },
    });
    clock.advance(80_000);
    await requireRate(clock, limited);
  });

  it("does not keep a caller out for asking again and again", async () => {
    const clock = new ManualClock();
    const limited = rule(2);
    for (let n = 0; n < 30; n++) await takeRate(clock, limited);
    clock.advance(2 * WINDOW);
    expect((await takeRate(clock, limited)).allowed).toBe(true);
  });

  it("counts subjects, names and scopes apart, and forgets when told to", async () => {
    const clock = new ManualClock();
    const limited = rule(1);
    await requireRate(clock, limited);
    await requireRate(clock, { ...limited, subject: "other" });
    await requireRate(clock, { ...limited, name: "reset" });
    await requireRate(clock, { ...limited, scope: newId("space") });
    expect((await takeRate(clock, limited)).allowed).toBe(false);
    await clearRate(limited);
    await requireRate(clock, limited);
  });

  it("never lets more than the limit through at once", async () => {
    const clock = new ManualClock();
    const limited = rule(5);
    const answers = await Promise.all(Array.from({ length: 25 }, () => takeRate(clock, limited)));
    expect(answers.filter(({ allowed }) => allowed).length).toBeLessThanOrEqual(5);
    expect(answers.filter(({ allowed }) => allowed).length).toBeGreaterThanOrEqual(1);
  });

  it("counts a call of a slow clock in the window that is open", async () => {
    const clock = new ManualClock();
    const limited = rule(2);
    await requireRate(clock, limited);
    const slow = new ManualClock(clock.now() - WINDOW);
    await requireRate(slow, limited);
    expect((await takeRate(clock, limited)).allowed).toBe(false);
  });

  it("agrees with the model, and a caller who waits as told is let in (property)", async () => {
    const waits = fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), waits, async (limit, steps) => {
        const clock = new ManualClock();
        const limited = rule(limit);
        const model = new Model(limit);
        for (const step of steps) {
          clock.advance(step);
          const answer = await takeRate(clock, limited);
          expect(answer.allowed).toBe(model.take(clock.now()));
          if (!answer.allowed) expect(model.fits(clock.now() + answer.retryAfterSeconds * 1000)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });
});
