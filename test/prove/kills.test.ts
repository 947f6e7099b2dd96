import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { proveKills } from "./kills.ts";

describe("a stack that is killed while runs are under way", () => {
  it("ends every run rightly and calls no checkpointed step again", { timeout: 600_000 }, async () => {
    const dataDir = join(tmpdir(), `weft-kills-${process.pid}`);
    const report = await proveKills({ kills: 3, runs: 5, seed: 7, dataDir });
    expect(report.problems).toEqual([]);
    expect(report.kills).toBeGreaterThanOrEqual(4);
    expect(report.executions).toBeGreaterThanOrEqual(5);
  });
});
