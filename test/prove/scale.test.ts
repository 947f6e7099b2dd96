import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { proveScale } from "./scale.ts";

describe("large workflows on the whole stack", () => {
  it("give every value, call everything once, and keep memory and histories bounded", {
    timeout: 600_000,
  }, async () => {
    const sizes = { chain: 60, cheapTurns: 500, turns: 100, items: 200 };
    const report = await proveScale({ sizes, dataDir: join(tmpdir(), `weft-scale-${process.pid}`) });
    expect(report.problems).toEqual([]);
    expect(report.rows.map(({ size }) => size)).toEqual([60, 60, 500, 100, 200]);
    expect(report.rows.map(({ calls }) => calls)).toEqual([60, 60, 0, 100, 200]);
    for (const { lanes, events, peakMb } of report.rows) {
      expect(lanes).toBeGreaterThan(0);
      expect(events).toBeGreaterThan(0);
      expect(peakMb).toBeGreaterThan(0);
    }
  });
});
