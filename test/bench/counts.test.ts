import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asyncRows, syncRows } from "./counts.ts";
import type { Row } from "./row.ts";
import { type BenchWorld, startWorld } from "./world.ts";

let world: BenchWorld;
beforeAll(async () => {
  world = await startWorld();
}, 120_000);
afterAll(() => world.close());

const missed = (rows: readonly Row[]) => rows.filter((row) => !row.ok);

describe("what a run costs", () => {
  it("two writes and two reads for a sync run, whatever the number of nodes", async () => {
    const rows = await syncRows(world);
    expect(rows).toHaveLength(8);
    expect(missed(rows)).toEqual([]);
  }, 60_000);

  it("a write for each effectful node and each edge between segments, and two states for each node", async () => {
    const rows = await asyncRows(world);
    expect(rows.map((row) => row.what)).toContain("async run: transitions, slice 0");
    expect(rows).toHaveLength(7);
    expect(missed(rows)).toEqual([]);
  }, 120_000);
});
