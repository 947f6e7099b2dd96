import { suspensionKey } from "@weft/engine/record";
import { runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { around } from "./single.ts";
import { planOf, testRun } from "./support.ts";

async function decided(config: object, ...answers: object[]) {
  const ports = ["approved", "rejected", ...("timeoutMs" in config ? ["timeout"] : [])];
  const inputs = [{ name: "x", ref: "start.in" }];
  const node = { type: "approval", data: { config: { message: "Pay {{x}}?", ...config }, inputs } };
  const plan = planOf(around(node, ["decision", "approved", "comment", "by", "at"], ports));
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
  it("asks by its templates, with the form that it declares, and goes on by the decision", async () => {
    const answer = { data: { decision: "approve", comment: "fine", by: "usr_1", at: "now", answers: [] } };
    const yes = await decided({ approvers: ["{{x}}", " admin "], required: 2 }, answer);
    expect(yes.asked).toMatchObject([
      {
        type: "approval",
        data: { kind: "approval", message: "Pay {{x}}?", approvers: ["{{x}}", "admin"], required: 2, notify: "email" },
      },
    ]);
    expect(yes).toMatchObject({
      port: "approved",
      outcome: {
        status: "done",
        output: { decision: "approved", approved: true, comment: "fine", by: "usr_1", at: "now" },
      },
      plan: { mayWait: true },
    });
    const no = await decided({}, { data: { decision: "reject" } });
    expect([no.port, no.outcome]).toMatchObject(["rejected", { output: { decision: "rejected", approved: false } }]);
  });
  it("declares a form beside its own outputs, and gives what it holds by name", async () => {
    const outputs = ["amount", "why", "decision"].map((name) => ({ name, type: "string" as const }));
    const node = { type: "approval", data: { config: {}, outputs } };
    const plan = planOf(around(node, ["amount", "why", "decision"], ["approved", "rejected"]));
    const run = testRun();
    await runPlan(plan, {}, run.io);
    const record = run.journal.records.get("n");
    if (record?.suspend?.kind !== "signal") throw new Error("nobody is asked");
    const { fields } = record.suspend.event.data as { fields: { name: string }[] };
    expect(fields.map(({ name }) => name)).toEqual(["amount", "why"]);
    const data = { decision: "approve", fields: { amount: "7", decision: "mine" } };
    run.journal.answers.set(suspensionKey(record), { data });
    const outcome = await runPlan(plan, {}, run.io);
    expect(outcome).toMatchObject({ status: "done", output: { amount: "7", why: "", decision: "approved" } });
  });
  it("fails for what is no decision, and where a template names nobody", async () => {
    for (const data of [null, 1, "approve", {}, { decision: "toString" }, ["approve"]])
      await expect(decided({}, { data })).rejects.toThrow("no decision");
    await expect(decided({ approvers: ["  "] })).rejects.toThrow("gives no text");
  });
  it("has a branch for when the time runs out", async () => {
    const { asked, port, outcome } = await decided({ timeoutMs: 1_000 }, { timedOut: true });
    expect(asked).toMatchObject([{ timeoutMs: 1_000 }]);
    expect(port).toBe("timeout");
    expect(outcome).toMatchObject({ output: { decision: "timeout", approved: false } });
  });
});
