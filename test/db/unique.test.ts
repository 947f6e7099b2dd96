import { canonical, claim, move, ownerOf, release } from "@weft/db/unique";
import { transact } from "@weft/db/write";
import { systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
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

const ctx = systemCtx("test");
const VALUES = ["alpha", "ALPHA", " alpha ", "Straße", "STRASSE", "STRAẞE", "beta", "ｂｅｔａ", "ⅳ", "IV"];
const OWNERS = ["usr_a", "usr_b", "usr_c"];
const value = fc.constantFrom(...VALUES);
const owner = fc.constantFrom(...OWNERS);

const change = fc.oneof(
  fc.record({ kind: fc.constant("claim" as const), value, owner }),
  fc.record({ kind: fc.constant("release" as const), value, owner }),
  fc.record({ kind: fc.constant("move" as const), value, to: value, owner }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** What the change makes of the values that are taken; null where it must be refused. */
function applied(taken: ReadonlyMap<string, string>, one: Change): Map<string, string> | null {
  const next = new Map(taken);
  const from = canonical(one.value);
  if (one.kind === "move" && canonical(one.to) === from) return next;
  if (one.kind !== "claim") {
    if (next.has(from) && next.get(from) !== one.owner) return null;
    next.delete(from);
  }
  if (one.kind === "release") return next;
  const to = canonical(one.kind === "move" ? one.to : one.value);
  return next.has(to) ? null : next.set(to, one.owner);
}

const conflictOf = (thrown: unknown) => {
  if (thrown instanceof AppError && thrown.code === "conflict") return false;
  throw thrown;
};

describe("unique values against a model (property)", () => {
  it("hold one owner each, whatever is claimed, released and moved", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
        const scope = newId("space");
        const at = (text: string, ownerId: string) => ({ scope, kind: "thing_name", value: text, ownerId });
        let taken: Map<string, string> = new Map();
        for (const one of changes) {
          const unique = at(one.value, one.owner);
          const ops = {
            claim: () => [claim(ctx, unique)],
            release: () => [release(unique)],
            move: () => move(ctx, unique, one.kind === "move" ? one.to : ""),
          }[one.kind]();
          const isDone = await transact(ops).then(() => true, conflictOf);
          const next = applied(taken, one);
          expect(isDone).toBe(next !== null);
          taken = next ?? taken;
        }
        for (const text of VALUES) expect(await ownerOf(at(text, ""))).toBe(taken.get(canonical(text)) ?? null);
      }),
      { numRuns: 40 },
    );
  });

  it("are taken all together or not at all, also by many at once", async () => {
    const sets = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 4 }), {
      minLength: 2,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(sets, async (wanted) => {
        const scope = newId("space");
        const at = (n: number, who: number) => ({ scope, kind: "slot", value: `slot ${n}`, ownerId: `usr_${who}` });
        const results = await Promise.all(
          wanted.map((slots, who) => transact(slots.map((n) => claim(ctx, at(n, who)))).then(() => true, conflictOf)),
        );
        for (const [who, slots] of wanted.entries()) {
          const owners = await Promise.all(slots.map((n) => ownerOf(at(n, who))));
          const mine = owners.filter((found) => found === `usr_${who}`).length;
          expect(mine).toBe(results[who] ? slots.length : 0);
          // Whoever was refused met another who has at least one of the slots.
          if (!results[who]) expect(owners.some((found) => found !== null)).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("compares as people read, and is stable", () => {
    expect(canonical(" Straße\tNr. １ ")).toBe("strasse nr. 1");
    expect(canonical("ΣΊΣΥΦΟΣ")).toBe(canonical("σίσυφος"));
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(canonical(canonical(text))).toBe(canonical(text));
      }),
    );
  });
});
