import { type CacheKey, createCache } from "@weft/db/cache";
import { ManualClock } from "@weft/kernel/clock";
import { describe, expect, it } from "vitest";

interface Value {
  name: string;
  tags: string[];
}

const key = (id: string, scope = "spc_a"): CacheKey => ({ scope, kind: "thing", id });

function setUp(maxEntries = 10) {
  const clock = new ManualClock();
  return { clock, cache: createCache<Value>({ clock, ttlMs: 1000, maxEntries }) };
}

const value = (name: string): Value => ({ name, tags: ["a"] });

describe("read cache", () => {
  it("keeps a value for its time and no longer", () => {
    const { clock, cache } = setUp();
    cache.set(key("1"), value("one"));
    clock.advance(999);
    expect(cache.get(key("1"))?.name).toBe("one");
    clock.advance(1);
    expect(cache.get(key("1"))).toBeUndefined();
  });

  it("never shows a value across scope, kind, id or version", () => {
    const { cache } = setUp();
    cache.set({ ...key("1"), version: 1 }, value("one"));
    for (const other of [key("1"), { ...key("1"), version: 2 }, { ...key("1", "spc_b"), version: 1 }]) {
      expect(cache.get(other)).toBeUndefined();
    }
    cache.set({ scope: 'a","b', kind: "c", id: "d" }, value("x"));
    expect(cache.get({ scope: "a", kind: 'b","c', id: "d" })).toBeUndefined();
  });

  it("cannot be changed through what was put in or taken out", () => {
    const { cache } = setUp();
    const mine = value("mine");
    cache.set(key("1"), mine);
    mine.tags.push("changed");
    const taken = cache.get(key("1")) as Value;
    expect(() => taken.tags.push("changed")).toThrow(TypeError);
    expect(cache.get(key("1"))?.tags).toEqual(["a"]);
    expect(Object.isFrozen(mine)).toBe(false);
  });

  it("keeps what is inside values, dates and lists of objects too, out of reach", () => {
    const cache = createCache<{ at: Date; list: { n: number }[] }>({
      clock: new ManualClock(),
      ttlMs: 1,
      maxEntries: 1,
    });
    const given = { at: new Date(5), list: [{ n: 1 }] };
    cache.set(key("1"), given);
    given.at.setTime(6);
    (given.list[0] as { n: number }).n = 2;
    const kept = cache.get(key("1"));
    expect(kept?.at).toEqual(new Date(5));
    expect(kept?.list).toEqual([{ n: 1 }]);
    expect(Object.isFrozen(kept?.list[0])).toBe(true);
    const own = JSON.parse('{"__proto__":{"polluted":true}}');
    cache.set(key("2"), own);
    expect(cache.get(key("2"))).not.toHaveProperty("polluted");
  });

  it("lets the longest unused go when it is full", () => {
    const { cache } = setUp(2);
    cache.set(key("1"), value("one"));
    cache.set(key("2"), value("two"));
    cache.get(key("1"));
    cache.set(key("3"), value("three"));
    expect([key("1"), key("2"), key("3")].map((k) => cache.get(k)?.name)).toEqual(["one", undefined, "three"]);
  });

  it("loads once for callers at once, and again after a failure or nothing", async () => {
    const { cache } = setUp();
    let calls = 0;
    const load = async () => {
      calls++;
      return value(`call ${calls}`);
    };
    const both = await Promise.all([cache.load(key("1"), load), cache.load(key("1"), load)]);
    expect(both.map((one) => one?.name)).toEqual(["call 1", "call 1"]);
    expect((await cache.load(key("1"), load))?.name).toBe("call 1");
    await expect(
      cache.load(key("2"), () => {
        throw new Error("down");
      }),
    ).rejects.toThrow("down");
    expect(await cache.load(key("2"), async () => undefined)).toBeUndefined();
    expect((await cache.load(key("2"), load))?.name).toBe("call 2");
  });

  it("does not keep what was loaded before a write or an invalidation", async () => {
    const { cache } = setUp();
    for (const change of [() => cache.set(key("1"), value("new")), () => cache.invalidate(key("1"))]) {
      let finish: (value: Value) => void = () => {};
      const loading = cache.load(key("1"), () => new Promise<Value>((resolve) => (finish = resolve)));
      await Promise.resolve();
      await Promise.resolve();
      change();
      finish(value("old"));
      expect((await loading)?.name).toBe("old");
      expect(cache.get(key("1"))?.name).not.toBe("old");
      cache.invalidate(key("1"));
    }
  });

  it("forgets everything when it is cleared", () => {
    const { cache } = setUp();
    cache.set(key("1"), value("one"));
    cache.clear();
    expect(cache.get(key("1"))).toBeUndefined();
  });
});
