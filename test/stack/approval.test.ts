import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { type Resident, type StackWorld, startWorld, until } from "../support/world.ts";

const TOKEN = /https?:\/\/[^\s"]+\/approvals\/(al_[0-9a-z]{26}_[0-9a-z]{26}_[\w-]{43})/;

let world: StackWorld;
let owner: Resident;
let member: Resident;
let stranger: Resident;
let space: string;

beforeAll(async () => {
  world = await startWorld();
  [owner, member, stranger] = [await world.signUp(), await world.signUp(), await world.signUp()];
  space = (await world.call("POST", "/api/spaces", { token: owner.token, body: { name: "Team" } })).json.id;
  await api(owner, "POST", "/invitations", { email: member.email, role: "member" });
  const mine = (await world.call("GET", "/api/invitations", { token: member.token })).json.items[0];
  await world.call("POST", `/api/invitations/${mine.id}/accept`, { token: member.token });
}, 120_000);
afterAll(() => world.close());

function api(who: Resident, method: string, path: string, body?: unknown) {
  return world.call(method, `/api/spaces/${space}${path}`, {
    token: who.token,
    ...(body === undefined ? {} : { body }),
  });
}

/** Runs a workflow that asks, and gives its execution and the approval that it waits for. */
async function ask(config: object, mode: "sync" | "async" = "async") {
  const outputs = [{ name: "amount", type: "integer", required: true }];
  const asking = node("ask", "approval", { message: "Pay <b>{{n}}</b> & more?", ...config }, [ref("n", "start.n")], {
    outputs,
  });
  const drawn = canvas(
    [start(text("n")), asking, end({ decision: "ask.decision", amount: "ask.amount", by: "ask.by" })],
    "start>ask:approved>end ask:rejected>end",
  );
  const { json: workflow } = await api(owner, "POST", "/workflows", { name: "w", canvas: drawn });
  const begun = await api(owner, "POST", `/workflows/${workflow.id}/run`, {
    mode,
    version: "draft",
    input: { n: "7" },
  });
  expect(begun.status, JSON.stringify(begun.json)).toBe(202);
  const list = async (): Promise<{ id: string; executionId: string }[]> =>
    (await api(owner, "GET", "/approvals?status=waiting")).json.items;
  const mine = (items: { id: string; executionId: string }[]) =>
    items.some(({ executionId }) => executionId === begun.json.id);
  const items = await until(list, mine);
  const approval = items.find(({ executionId }) => executionId === begun.json.id);
  return { id: begun.json.id as string, approvalId: approval?.id ?? "" };
}

async function over(executionId: string) {
  const read = async () => (await api(owner, "GET", `/executions/${executionId}`)).json;
  return until(read, ({ status }) => ["succeeded", "failed"].includes(status));
}

describe("an approval", () => {
  it.each(["sync", "async"] as const)("of a %s run waits for its approver, who answers by the API", async (mode) => {
    const { id, approvalId } = await ask({ approvers: [member.email] }, mode);
    const one = `/approvals/${approvalId}`;
    const answer = { decision: "approve", fields: { amount: 5 } };
    expect((await api(owner, "POST", `${one}/answer`, answer)).json.error.code).toBe("forbidden");
    expect((await api(stranger, "POST", `${one}/answer`, answer)).json.error.code).toBe("not_found");
    expect((await api(stranger, "GET", one)).json.error.code).toBe("not_found");
    expect((await api(member, "POST", `${one}/answer`, { ...answer, extra: 1 })).json.error.code).toBe("invalid_input");
    const { waitingFor } = (await api(owner, "GET", `/executions/${id}`)).json;
    const resumed = await api(owner, "POST", `/executions/${id}/resume`, { eventId: waitingFor[0].id, data: answer });
    expect(resumed.json.error.code).toBe("conflict");
    const mine = async (who: Resident) =>
      (await api(who, "GET", "/approvals?status=waiting&scope=mine")).json.items.map(
        (found: { id: string }) => found.id,
      );
    expect([await mine(member), await mine(owner)]).toEqual([[approvalId], []]);
    const taken = await api(member, "POST", `${one}/answer`, answer);
    expect([taken.status, taken.json.status]).toEqual([200, "approved"]);
    expect((await api(member, "POST", `${one}/answer`, answer)).json.error.code).toBe("conflict");
    expect((await over(id)).output).toEqual({ decision: "approved", amount: 5, by: member.userId });
  });

  it("is answered by the link of its mail, whose page has no effect", async () => {
    const { id, approvalId } = await ask({ title: "</title><script>", approvers: [member.userId] });
    const found = () =>
      world.mailsTo(member.email).flatMap((mail) => (mail.includes("script") ? (TOKEN.exec(mail) ?? []) : []));
    const matched = await until(
      async () => found(),
      (tokens) => tokens.length > 0,
    );
    const url = matched[0] as string;
    expect(url.startsWith(world.stack.url)).toBe(true);
    for (let looks = 0; looks < 3; looks += 1) {
      const page = await fetch(url);
      const html = await page.text();
      expect(page.status).toBe(200);
      expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(page.headers.get("cache-control")).toBe("no-store");
      expect(page.headers.get("referrer-policy")).toBe("no-referrer");
      expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(html).toContain("Pay &lt;b&gt;7&lt;/b&gt; &amp; more?");
      expect(html).toContain("&lt;/title&gt;&lt;script&gt;");
      expect(html).not.toContain("<script");
    }
    await fetch(url, { method: "HEAD" });
    expect((await api(owner, "GET", `/approvals/${approvalId}`)).json).toMatchObject({
      status: "waiting",
      answers: [],
    });
    const send = (fields: Record<string, string>) => fetch(url, { method: "POST", body: new URLSearchParams(fields) });
    const wrong = await send({ decision: "approve", "field.amount": "much" });
    expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining("fields.amount")]);
    expect((await send({ "field.amount": "5" })).status).toBe(400);
    const json = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    expect(json.status).toBe(415);
    const sent = await send({ decision: "approve", "field.amount": "5", comment: "<i>" });
    expect([sent.status, await sent.text()]).toEqual([200, expect.stringContaining("You have approved.")]);
    expect((await over(id)).output).toEqual({ decision: "approved", amount: 5, by: member.userId });
    const replayed = [await fetch(url), await send({ decision: "reject" })];
    expect(replayed.map(({ status }) => status)).toEqual([404, 404]);
    const { answers } = (await api(owner, "GET", `/approvals/${approvalId}`)).json;
    expect(answers).toMatchObject([{ userId: member.userId, via: "link", comment: "<i>", fields: { amount: 5 } }]);
  });

  it("gives a link to whom it belongs, which a cancelled run leaves dead", async () => {
    const { id, approvalId } = await ask({ approvers: ["admin"], notify: "none" });
    expect((await api(member, "POST", `/approvals/${approvalId}/link`)).json.error.code).toBe("forbidden");
    const link = await api(owner, "POST", `/approvals/${approvalId}/link`);
    expect(link.status).toBe(201);
    const url = `${world.stack.url}${link.json.path}`;
    expect((await fetch(url)).status).toBe(200);
    await api(owner, "POST", `/executions/${id}/cancel`);
    const gone = await until(
      async () => (await api(owner, "GET", `/approvals/${approvalId}`)).json,
      ({ status }) => status === "cancelled",
    );
    expect(gone.answers).toEqual([]);
    expect((await fetch(url)).status).toBe(404);
    expect((await fetch(`${world.stack.url}/approvals/rubbish`)).status).toBe(404);
  });
});
