import { suspensionKey } from "@weft/engine/record";
import { runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { around } from "./single.ts";
import { planOf, testRun } from "./support.ts";

async function decided(config: object, ...answers: object[]) {
  const ports = ["approved", "rejected", ...("timeoutMs" in config ? ["timeout"] : [])];
  const inputs = [{ name: "x", ref: "start.in" }];
  const node = { type: "approval", data: { config: { message: "Pay {{x}}?", ...config }, inputs } };
  const plan = planOf(around(node, ["decision", "approved", "comment"], ports));
  const run = testRun();
  let outcome = await runPlan(plan, { in: "{{x}}" }, run.io);
  const asked: unknown[] = [];
  for (const answer of answers) {
    const record = run.journal.records.get("n");
    if (record?.suspend?.kind !== "signal") throw new Error("nobody is asked");
    asked.push(record.suspend.event);
    run.journal.answers.set(suspensionKey(record), answer);
    outcome = await runPlan(plan, { in: "{{x}}" }, run.io);
  }
  return { asked, outcome, port: run.journal.records.get("n")?.port, plan };
}

describe("approval", () => {
  it("asks, and goes on by the decision", async () => {
    const yes = await decided({ approvers: ["ann@a.example"] }, { data: { decision: "approve", comment: "fine" } });
    expect(yes.asked).toMatchObject([
      { type: "approval", data: { kind: "approval", message: "Pay {{x}}?", approvers: ["ann@a.example"] } },
    ]);
    expect(yes).toMatchObject({
      port: "approved",
      outcome: { status: "done", output: { decision: "approved", approved: true, comment: "fine" } },
      plan: { mayWait: true },
    });
    for (const data of ["Rejected", false, { approved: false }])
      expect((await decided({}, { data })).port).toBe("rejected");
    for (const data of ["approve", true, { approved: true }])
      expect((await decided({}, { data })).port).toBe("approved");
  });
  it("asks again for anything else, and for the comment that is due", async () => {
    const rubbish = [null, 1, "maybe", {}, { decision: "toString" }, ["approve"]].map((data) => ({ data }));
    const { asked, port } = await decided(
      { needsComment: true },
      ...rubbish,
      { data: "reject" },
      { data: { decision: "reject", comment: "no" } },
    );
    expect(asked).toHaveLength(8);
    expect(asked[7]).toMatchObject({ data: { problem: "a rejection needs a comment" } });
    expect(port).toBe("rejected");
  });
  it("has a branch for when the time runs out", async () => {
    const { asked, port, outcome } = await decided({ timeoutMs: 1_000 }, { timedOut: true });
    expect(asked).toMatchObject([{ timeoutMs: 1_000 }]);
    expect(port).toBe("timeout");
    expect(outcome).toMatchObject({ output: { decision: "timeout", approved: false } });
  });
});
