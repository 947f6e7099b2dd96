import { acquire, type HeldLock, type LockName, renew, stillHeld, unlock, withLock } from "@weft/db/lock";
import { transact } from "@weft/db/write";
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

const TTL = { ttlMs: 1000 };
const lock = () => ({ scope: "platform", name: newId("request") });

async function held(clock: ManualClock, name: LockName = lock()): Promise<HeldLock> {
  const got = await acquire(clock, name, TTL);
  if (!got) throw new Error("expected the lock to be free");
  return got;
}

describe("lock", () => {
  it("is one owner's until it is given back", async () => {
    const clock = new ManualClock();
    const first = await held(clock);
    expect(await acquire(clock, first, TTL)).toBeNull();
    expect(await unlock(first)).toBe(true);
    expect(await unlock(first)).toBe(false);
    expect((await held(clock, first)).fence).toBe(first.fence + 1);
  });

  it("runs out, and its late owner can neither renew, release nor write", async () => {
    const clock = new ManualClock();
    const late = await held(clock);
    clock.advance(1000);
    const next = await held(clock, late);
    expect(next.fence).toBeGreaterThan(late.fence);
    expect(await renew(clock, late, 1000)).toBeNull();
    expect(await unlock(late)).toBe(false);
    await expect(transact([stillHeld(late)])).rejects.toMatchObject({ code: "conflict" });
    await transact([stillHeld(next)]);
    expect(await acquire(clock, late, TTL)).toBeNull();
  });

  it("lasts longer when it is renewed in time, and not when it has run out", async () => {
    const clock = new ManualClock();
    const mine = await held(clock);
    clock.advance(900);
    expect((await renew(clock, mine, 1000))?.heldUntil).toBe(clock.now() + 1000);
    clock.advance(900);
    expect(await acquire(clock, mine, TTL)).toBeNull();
    clock.advance(200);
    expect(await renew(clock, mine, 1000)).toBeNull();
  });

  it("is not confused by an owner of the same name from before", async () => {
    const clock = new ManualClock();
    const name = lock();
    const before = (await acquire(clock, name, { ...TTL, owner: "me" })) as HeldLock;
    clock.advance(2000);
    const now = (await acquire(clock, name, { ...TTL, owner: "me" })) as HeldLock;
    expect(await unlock(before)).toBe(false);
    expect(await unlock(now)).toBe(true);
  });

  it("lets one at a time in, with growing numbers", async () => {
    const clock = new ManualClock();
    const name = lock();
    const fences: number[] = [];
    let inside = 0;
    const worker = async () => {
      for (let done = false; !done; ) {
        done = await withLock(clock, name, TTL, async ({ fence }) => {
          expect(++inside).toBe(1);
          fences.push(fence);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
          return true;
        }).catch((error) => {
          expect(error).toMatchObject({ code: "conflict", retryable: true });
          return false;
        });
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect(fences).toHaveLength(8);
    expect(fences).toEqual([...fences].sort((a, b) => a - b));
  });

  it("is waited for as long as one says, and no longer", async () => {
    const clock = new ManualClock();
    const first = await held(clock);
    const order: string[] = [];
    const patient = withLock(clock, first, { ...TTL, waitMs: 60_000 }, async () => order.push("patient"));
    await expect(withLock(clock, first, { ...TTL, waitMs: 1 }, async () => order.push("hasty"))).rejects.toMatchObject({
      code: "conflict",
      retryable: true,
    });
    order.push("first");
    await unlock(first);
    await patient;
    expect(order).toEqual(["first", "patient"]);
  });

  it("is given back when the work throws", async () => {
    const clock = new ManualClock();
    const name = lock();
    const failing = withLock(clock, name, TTL, async () => {
      throw new Error("work failed");
    });
    await expect(failing).rejects.toThrow("work failed");
    await held(clock, name);
  });

  it("has at most one holder whatever is done in whatever order (property)", async () => {
    const step = fc.record({
      who: fc.integer({ min: 0, max: 2 }),
      what: fc.constantFrom("acquire", "renew", "unlock", "wait"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const clock = new ManualClock();
        const name = lock();
        const hands: (HeldLock | null)[] = [null, null, null];
        let model: { who: number; until: number } | null = null;
        const current = () => (model && model.until > clock.now() ? model : null);
        for (const { who, what } of steps) {
          const hand = hands[who] ?? null;
          if (what === "wait") clock.advance(400);
          if (what === "acquire") {
            const got = await acquire(clock, name, TTL);
            expect(got !== null).toBe(current() === null);
            if (got) {
              hands[who] = got;
              model = { who, until: clock.now() + 1000 };
            }
          }
          if (what === "renew" && hand) {
            const renewed = await renew(clock, hand, 1000);
            expect(renewed !== null).toBe(current()?.who === who);
            if (renewed) model = { who, until: clock.now() + 1000 };
          }
          if (what === "unlock" && hand) {
            const isFreed = await unlock(hand);
            expect(isFreed).toBe(model?.who === who);
            hands[who] = null;
            if (isFreed) model = null;
          }
        }
      }),
      { numRuns: 25 },
    );
  });
});
