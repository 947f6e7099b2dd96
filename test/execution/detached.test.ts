import type { ExecutionRow } from "@weft/core/execution/store";
import { derivedId, isId, newId } from "@weft/kernel/ids";
import { describe, expect, it } from "vitest";
import { executionDeps } from "../../functions/execution/wiring.ts";

describe("a run that nobody waits for", () => {
  it("has an id that a repeat finds again", () => {
    const caller = newId("execution");
    const ids = ["a", "b", "a"].map((key) => derivedId(caller, key));
    expect(ids.every((id) => isId("execution", id))).toBe(true);
    expect(ids[0]).toBe(ids[2]);
    expect(new Set([...ids, derivedId(newId("execution"), "a")]).size).toBe(3);
  });
  it("is not started by the tenth of a row that start each other", async () => {
    const row = { spaceId: newId("space"), executionId: newId("execution"), depth: 10 } as ExecutionRow;
    const { workflows } = executionDeps({ machineArn: "arn:aws:states:::x", timeLeftMs: () => 1_000 }).nodeDeps(row);
    const started = workflows?.start?.({ workflowId: newId("workflow"), version: "1.0.0" }, {}, "key");
    await expect(started).rejects.toMatchObject({ name: "NodeError", code: "depth_exceeded" });
  });
});
