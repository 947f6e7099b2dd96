import { ApprovalEntity, ApprovalLinkEntity } from "@weft/core/approval/approval.entity";
import { answerByLink, follow, issue } from "@weft/core/approval/approval.link";
import * as Approval from "@weft/core/approval/approval.service";
import * as Execution from "@weft/core/execution/execution.service";
import { clearAccess } from "@weft/core/identity/access";
import { MemberEntity } from "@weft/core/identity/space.entity";
import type { Id } from "@weft/kernel/ids";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Approver, startApprovals } from "../support/approvals.ts";
import { canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";
import { storePoints } from "../support/store-points.ts";

const LONG = 300_000;
const HOUR = 3_600_000;

let world: EngineWorld;
let points: ReturnType<typeof storePoints>;
let office: Awaited<ReturnType<typeof startApprovals>>;
let owner: Approver;
let ann: Approver;
let bob: Approver;
let cid: Approver;

beforeAll(async () => {
  world = await startEngineWorld();
  points = storePoints();
  office = await startApprovals(world);
  owner = await office.join("owner", "owner");
  [ann, bob, cid] = [await office.join("ann"), await office.join("bob"), await office.join("cid")];
});
beforeEach(() => {
  office.mails.length = 0;
});
afterAll(async () => {
  points.remove();
  await world.close();
});

const said = (id: string) => node(id, "text", { method: "concat", template: id });

/** A workflow that asks, and ends with the port it went on by and what the node gives. */
function asking(config: object, outputs: object[] = []) {
  const ask = node("ask", "approval", { message: "Pay {{n}}?", ...config }, [ref("n", "start.n")], { outputs });
  const ports = ["approved", "rejected", ...("timeoutMs" in config ? ["timeout"] : [])];
  const merged = node("way", "variable_aggregator", { groups: [{ name: "text", inputs: ports }] }, [
    ...ports.map((port) => ref(port, `${port}.output`)),
  ]);
  const outs = Object.fromEntries(["decision", "comment", "by", "answers"].map((name) => [name, `ask.${name}`]));
  const fields = Object.fromEntries(
    outputs.map((field) => (field as { name: string }).name).map((n) => [n, `ask.${n}`]),
  );
  return world.target(
    canvas(
      [start(text("n")), ask, ...ports.map(said), merged, end({ way: "way.text", ...outs, ...fields })],
      ["start>ask", ...ports.map((port) => `ask:${port}>${port}>way`), "way>end"].join(" "),
    ),
  );
}

async function asked(config: object, outputs: object[] = []) {
  const { id } = await world.runAsync(asking(config, outputs), { n: "7" });
  return { id, approval: await office.of(owner, id) };
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    ({ code }: { code: string }) => code,
  );
const output = async (id: string) => (await world.get(id)).output;
const inAMail = { decision: "approve", comment: "", fields: {} } as const;

describe("an approval", () => {
  it("is asked of whom it names, and goes on by the approval with what it says", async () => {
    const amount = { name: "amount", type: "integer", required: true };
    const { id, approval } = await asked({ title: "Pay {{n}}", approvers: [ann.email] }, [amount]);
    expect(approval).toMatchObject({
      ...{ executionId: id, status: "waiting", title: "Pay 7", isMine: false, required: 1, approvals: 0 },
      approvers: { userIds: [ann.userId], roles: [] },
    });
    expect(await Approval.get(ann.ctx, { approvalId: approval.id })).toMatchObject({
      ...{ message: "Pay 7?", isMine: true, fields: [{ name: "amount", required: true }] },
    });
    expect((await world.get(id)).status).toBe("waiting");
    expect(await codeOf(office.answer(bob, approval.id))).toBe("forbidden");
    expect(await codeOf(office.answer(owner, approval.id))).toBe("forbidden");
    for (const fields of [{}, { amount: "seven" }, { amount: 7, more: 1 }]) {
      expect(await codeOf(office.answer(ann, approval.id, { fields }))).toBe("invalid_input");
    }
    const given = await office.answer(ann, approval.id, { fields: { amount: "7" }, comment: "fine" });
    expect(given).toMatchObject({ status: "approved", decidedBy: ann.userId, isMine: false });
    expect(await codeOf(office.answer(ann, approval.id, { decision: "reject" }))).toBe("conflict");
    await world.drain();
    expect(await output(id)).toMatchObject({
      ...{ way: "approved", decision: "approved", comment: "fine", by: ann.userId, amount: 7 },
      answers: [{ by: ann.userId, decision: "approve", comment: "fine", fields: { amount: 7 } }],
    });
  });

  it("is rejected by one, who has to say why where that is asked", async () => {
    const { id, approval } = await asked({ approvers: ["member"], required: 2, needsComment: true });
    await office.answer(ann, approval.id);
    expect(await codeOf(office.answer(bob, approval.id, { decision: "reject" }))).toBe("invalid_input");
    await office.answer(bob, approval.id, { decision: "reject", comment: "no" });
    await world.drain();
    expect(await output(id)).toMatchObject({ way: "rejected", decision: "rejected", comment: "no", by: bob.userId });
    expect(await codeOf(office.answer(cid, approval.id))).toBe("conflict");
  });

  it("waits for as many as are required, also where they answer at once", async () => {
    const approvers = [ann, bob, cid].map(({ userId }) => userId);
    const { id, approval } = await asked({ approvers, required: 2 });
    await office.answer(ann, approval.id);
    await world.drain();
    expect((await world.get(id)).status).toBe("waiting");
    expect(await codeOf(office.answer(ann, approval.id))).toBe("conflict");
    const both = await Promise.all([bob, cid].map((who) => codeOf(office.answer(who, approval.id))));
    expect(both.toSorted()).toEqual(["conflict", "ok"]);
    await world.drain();
    expect(await output(id)).toMatchObject({ way: "approved" });
    const { answers, approvals } = await Approval.get(owner.ctx, { approvalId: approval.id });
    expect([answers.length, approvals]).toEqual([2, 2]);
  });

  it("of a role is for that role and stronger ones; of nobody for whoever may run workflows", async () => {
    const roles = await asked({ approvers: ["admin"] });
    expect(await codeOf(office.answer(ann, roles.approval.id))).toBe("forbidden");
    await office.answer(owner, roles.approval.id);
    expect(office.mails.map(({ to }) => to)).toEqual([owner.email]);
    office.mails.length = 0;
    const anybody = await asked({});
    expect(office.mails).toEqual([]);
    const key = { type: "apiKey", userId: ann.userId, apiKeyId: "key_01", scopes: ["approval:*"] } as never;
    const limited = { ...ann, ctx: { ...ann.ctx, actor: key } };
    expect(await codeOf(office.answer(limited, anybody.approval.id))).not.toBe("ok");
    await office.answer(cid, anybody.approval.id);
    await world.drain();
    expect(await output(anybody.id)).toMatchObject({ way: "approved", by: cid.userId });
  });

  it("goes on by its own branch when the time runs out, and takes no answer then", async () => {
    const { id, approval } = await asked({ approvers: [ann.userId], timeoutMs: HOUR });
    const [token = ""] = office.tokens(ann);
    world.clock.advance(HOUR);
    expect(await codeOf(office.answer(ann, approval.id))).toBe("conflict");
    expect(await codeOf(follow(world.ctx, token))).toBe("not_found");
    const late = { limit: 50, scope: "mine" as const };
    const mine = async (status: "waiting" | "timed_out") =>
      (await office.all(ann, { ...late, status })).map((one) => one.id);
    expect([await mine("waiting"), await mine("timed_out")]).toEqual([[], [approval.id]]);
    await world.drain();
    expect(await output(id)).toMatchObject({ way: "timeout", decision: "timeout", by: "" });
    expect((await office.of(owner, id)).status).toBe("timed_out");
  });

  it("that nobody can give ends its node with an error", async () => {
    for (const [config, code] of [
      [{ approvers: ["nobody@example.com"] }, "unknown_approver"],
      [{ approvers: ["usr_01jd0000000000000000000000"] }, "unknown_approver"],
      [{ approvers: ["{{nothing}}"] }, "unknown_approver"],
      [{ approvers: [ann.email, ann.userId], required: 2 }, "too_few_approvers"],
    ] as const) {
      const { status, error } = await world.runAsync(asking(config), { n: "7" });
      expect([status, error?.code]).toEqual(["failed", code]);
    }
    expect(office.mails).toEqual([]);
  });

  it("is not answered by who resumes executions, nor by who left the space", async () => {
    const dan = await office.join("dan");
    const { id, approval } = await asked({ approvers: [dan.userId] });
    const [event] = (await world.get(id)).waitingFor;
    const given = { eventId: event?.id ?? "", data: { decision: "approve" } };
    expect(await codeOf(Execution.resume(ann.ctx, world.deps, id, given))).toBe("conflict");
    const [token = ""] = office.tokens(dan);
    await follow(world.ctx, token);
    await MemberEntity.delete({ spaceId: world.ctx.spaceId as string, userId: dan.userId }).go();
    expect(await codeOf(follow(world.ctx, token))).toBe("not_found");
    expect(await codeOf(answerByLink(world.ctx, world.deps, token, inAMail))).toBe("not_found");
    clearAccess();
    expect((await office.of(owner, id)).status).toBe("waiting");
    expect(approval.id).toMatch(/^apv_/);
  });

  it("is another space's nothing", async () => {
    const { approval } = await asked({ approvers: [ann.userId] });
    const elsewhere = { ...ann, ctx: { ...ann.ctx, spaceId: "spc_01jd0000000000000000000000" as Id<"space"> } };
    expect(await codeOf(office.answer(elsewhere, approval.id))).toBe("not_found");
    expect(await codeOf(Approval.get(elsewhere.ctx, { approvalId: approval.id }))).toBe("not_found");
    expect(await codeOf(issue(elsewhere.ctx, { approvalId: approval.id }))).toBe("not_found");
  });
});

describe("a link", () => {
  it("is mailed to each approver, answers once in their name, and is kept as a hash alone", async () => {
    const { id, approval } = await asked({ title: "Pay\r\nBcc: x", approvers: [ann.userId, bob.userId], required: 2 });
    const [annsMail] = office.mails;
    expect(annsMail?.subject).toBe("Approval: Pay Bcc: x");
    expect(annsMail?.text).toContain("https://weft.example.com/prod/approvals/al_");
    const [[ofAnn = ""], [ofBob = ""]] = [office.tokens(ann), office.tokens(bob)];
    const { row } = await follow(world.ctx, ofAnn);
    expect(row.approvalId).toBe(approval.id);
    await follow(world.ctx, ofAnn);
    expect((await office.of(owner, id)).approvals).toBe(0);
    await answerByLink(world.ctx, world.deps, ofAnn, inAMail);
    expect(await codeOf(answerByLink(world.ctx, world.deps, ofAnn, inAMail))).toBe("not_found");
    expect(await codeOf(office.answer(ann, approval.id))).toBe("conflict");
    await answerByLink(world.ctx, world.deps, ofBob, { ...inAMail, comment: "ok" });
    await world.drain();
    expect(await output(id)).toMatchObject({ way: "approved", by: bob.userId, comment: "ok" });
    const { answers } = await Approval.get(owner.ctx, { approvalId: approval.id });
    expect(answers.map(({ via, userId }) => [via, userId])).toEqual([
      ["link", ann.userId],
      ["link", bob.userId],
    ]);
    const spaceId = world.ctx.spaceId as string;
    const approvalLinkId = `apl_${ofAnn.split("_")[1]}`;
    const { data } = await ApprovalLinkEntity.get({ spaceId, approvalLinkId }).go();
    expect(JSON.stringify(data)).not.toContain(ofAnn.split("_").at(-1));
  });

  it("is given to whom it belongs, and dies with the approval", async () => {
    const { approval } = await asked({ approvers: [ann.userId], notify: "none" });
    expect(office.mails).toEqual([]);
    expect(await codeOf(issue(bob.ctx, { approvalId: approval.id }))).toBe("forbidden");
    const first = (await issue(ann.ctx, { approvalId: approval.id })).path.slice("/approvals/".length);
    const second = (await issue(ann.ctx, { approvalId: approval.id })).path.slice("/approvals/".length);
    await answerByLink(world.ctx, world.deps, second, { ...inAMail, decision: "reject" });
    for (const token of [first, second]) expect(await codeOf(follow(world.ctx, token))).toBe("not_found");
    expect(await codeOf(issue(ann.ctx, { approvalId: approval.id }))).toBe("conflict");
  });

  it("of another form, secret, space or age is none", async () => {
    const { approval } = await asked({ approvers: [ann.userId], notify: "none" });
    const token = (await issue(ann.ctx, { approvalId: approval.id })).path.slice("/approvals/".length);
    const [, link, space] = token.split("_");
    const secret = token.slice(`al_${link}_${space}_`.length);
    const turned = `${secret[0] === "A" ? "B" : "A"}${secret.slice(1)}`;
    for (const wrong of [
      "",
      "al_x",
      `al_${link}_${space}_${turned}`,
      `al_${link}_01jd0000000000000000000000_${secret}`,
      token.toUpperCase(),
    ]) {
      expect(await codeOf(follow(world.ctx, wrong))).toBe("not_found");
    }
    await follow(world.ctx, token);
    world.clock.advance(8 * 24 * HOUR);
    expect(await codeOf(follow(world.ctx, token))).toBe("not_found");
  });
});

describe("the end of the execution", () => {
  it("closes what waits; a retry opens it again with new links", async () => {
    const { id, approval } = await asked({ approvers: [ann.userId, bob.userId], required: 2 });
    await office.answer(bob, approval.id);
    const [old = ""] = office.tokens(ann);
    await Execution.cancel(world.ctx, world.deps, id);
    expect((await office.of(owner, id)).status).toBe("cancelled");
    expect(await codeOf(follow(world.ctx, old))).toBe("not_found");
    expect(await codeOf(office.answer(ann, approval.id))).toBe("conflict");
    office.mails.length = 0;
    await Execution.retry(world.ctx, world.deps, id);
    await world.drain();
    expect(await office.of(owner, id)).toMatchObject({ id: approval.id, status: "waiting", approvals: 1 });
    expect([office.tokens(ann).length, office.tokens(bob).length]).toEqual([1, 0]);
    expect(await codeOf(follow(world.ctx, old))).toBe("not_found");
    await answerByLink(world.ctx, world.deps, office.tokens(ann)[0] ?? "", inAMail);
    await world.drain();
    expect(await output(id)).toMatchObject({ way: "approved" });
  });

  it("notes what ran out of time on the way, also where its process died before", async () => {
    const { id, approval } = await asked({ approvers: [ann.userId], timeoutMs: HOUR });
    const stored = async () => {
      const key = { spaceId: world.ctx.spaceId as string, approvalId: approval.id };
      return (await ApprovalEntity.get(key).go({ consistent: true })).data?.status;
    };
    world.clock.advance(HOUR);
    const dying = world.with({ ended: async () => Promise.reject(new Error("died")) });
    await expect(world.machine.drain(dying)).rejects.toThrow("died");
    expect([(await world.get(id)).status, await stored()]).toEqual(["succeeded", "waiting"]);
    world.clock.advance(61_000);
    await world.sweep();
    expect(await stored()).toBe("timed_out");
  });
});

describe("what dies on the way", () => {
  it("a step that is repeated asks once and sends one mail", async () => {
    const { id } = await asked({ approvers: [ann.userId] });
    expect(office.tokens(ann)).toHaveLength(1);
    for (const lane of world.machine.lanes.values()) {
      if (lane.input.executionId === id && lane.state === "signal") await world.machine.step(world.deps, lane);
    }
    expect(office.tokens(ann)).toHaveLength(1);
    expect((await office.all(owner)).filter((one) => one.executionId === id)).toHaveLength(1);
  });

  it.each(["before", "after"] as const)(
    "a step whose process dies anywhere asks once, with one link that is good (%s a request)",
    { timeout: LONG },
    async (when) => {
      const target = asking({ approvers: [ann.userId] });
      for (let at = 1, isDead = true; isDead; at += 1) {
        office.mails.length = 0;
        const { id } = await world.run(target, { input: { n: "1" } });
        const [lane] = world.machine.ready();
        if (!lane) throw new Error("it has no lane");
        isDead = await points.dies(() => world.machine.step(world.deps, lane), at, when);
        await world.drain();
        const found = (await office.all(owner)).filter((one) => one.executionId === id);
        expect(
          found.map(({ status }) => status),
          `request ${at}`,
        ).toEqual(["waiting"]);
        const good = await Promise.all(office.tokens(ann).map((token) => codeOf(follow(world.ctx, token))));
        expect(
          good.filter((code) => code === "ok"),
          `request ${at}`,
        ).toHaveLength(1);
        expect(good.length, `request ${at}`).toBeLessThanOrEqual(2);
      }
    },
  );

  it("mail that cannot be sent is tried again, three times at most, and keeps nobody from answering", async () => {
    const target = asking({ approvers: [ann.userId] });
    const tries = async (failures: number) => {
      office.mails.length = 0;
      office.trouble.sends = failures;
      const { id } = await world.run(target, { input: { n: "1" } });
      let thrown = 0;
      for (let steps = 0; steps < 20 && (await world.get(id)).status !== "waiting"; steps += 1) {
        await world.drain().catch(() => {
          thrown += 1;
        });
      }
      office.trouble.sends = 0;
      return { id, thrown, mails: office.mails.length };
    };
    expect(await tries(2)).toMatchObject({ thrown: 2, mails: 1 });
    const { id, ...none } = await tries(99);
    expect(none).toEqual({ thrown: 2, mails: 0 });
    await office.answer(ann, (await office.of(owner, id)).id);
    await world.drain();
    expect(await output(id)).toMatchObject({ way: "approved" });
  });

  it.each(["before", "after"] as const)(
    "an answer whose process dies anywhere is whole or not there, and the execution goes on (%s a request)",
    { timeout: LONG },
    async (when) => {
      const target = asking({ approvers: [ann.userId] });
      for (let at = 1, isDead = true; isDead; at += 1) {
        const { id } = await world.runAsync(target, { n: "1" });
        const { id: approvalId } = await office.of(owner, id);
        const wake = async () => Promise.reject(new Error("died before it woke anybody"));
        const dying = world.with({ machine: Object.assign(Object.create(world.machine), { wake }) });
        isDead = await points.dies(
          () =>
            office.answer(ann, approvalId, {}, dying).catch((thrown: Error) => {
              if (!thrown.message.includes("died before it woke")) throw thrown;
            }),
          at,
          when,
        );
        const again = await codeOf(office.answer(ann, approvalId));
        expect(["ok", "conflict"], `request ${at}`).toContain(again);
        await world.drain();
        expect(await output(id), `request ${at}`).toMatchObject({ way: "approved", by: ann.userId });
      }
    },
  );

  it("an execution that nobody woke is woken by the sweeper", async () => {
    const { id, approval } = await asked({ approvers: [ann.userId] });
    const wake = async () => Promise.reject(new Error("died before it woke anybody"));
    const dying = world.with({ machine: Object.assign(Object.create(world.machine), { wake }) });
    await expect(office.answer(ann, approval.id, {}, dying)).rejects.toThrow("died before");
    await world.drain();
    expect((await world.get(id)).status).toBe("waiting");
    world.clock.advance(16 * 60_000);
    await world.sweep();
    await world.drain();
    expect(await output(id)).toMatchObject({ way: "approved" });
  });
});
