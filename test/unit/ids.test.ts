import { isId, newId } from "@weft/kernel/ids";
import { describe, expect, it } from "vitest";

describe("ids", () => {
  it("are unlike each other and sort by their making, however many are made at once", () => {
    const ids = Array.from({ length: 20_000 }, () => newId("execution"));
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => isId("execution", id))).toBe(true);
  });

  it("use every letter at every random place", () => {
    const now = Date.now() + 1_000;
    const seen = Array.from({ length: 16 }, () => new Set<string>());
    // A time of its own for each: within one millisecond an id is the one before, plus one.
    for (let at = 0; at < 4_000; at += 1) {
      const tail = newId("request", now + at * 1_000).slice(-16);
      for (const [place, letters] of seen.entries()) letters.add(tail[place] as string);
    }
    expect(seen.map((letters) => letters.size)).toEqual(seen.map(() => 32));
  });
});
