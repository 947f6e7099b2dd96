import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventWorld, startEventWorld } from "../support/event-world.ts";

let world: EventWorld;
beforeAll(async () => {
  world = await startEventWorld();
}, 180_000);
afterAll(() => world.close());

const lines = (...text: string[]) => text.join("\r\n");

function mail(to: string, id: string, attachment = "a,b\r\n1,2"): string {
  return lines(
    "From: Ada <ada@example.com>",
    `To: ${to}`,
    "Cc: Bob <bob@example.com>",
    "Subject: =?utf-8?B?R3LDvMOfZQ==?=",
    `Message-ID: <${id}@example.com>`,
    "Date: Sun, 22 Nov 2026 10:00:00 +0000",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="b"',
    "",
    "--b",
    'Content-Type: multipart/alternative; boundary="c"',
    "",
    "--c",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "Sch=C3=B6n",
    "--c",
    "Content-Type: text/html; charset=utf-8",
    "",
    "<b onclick='x()'>Hi</b>",
    "--c--",
    "--b",
    "Content-Type: text/csv",
    'Content-Disposition: attachment; filename="../may.csv"',
    "",
    attachment,
    "--b--",
    "",
  );
}

/** Over the operator's port, as somebody at a terminal would; gives the status. */
async function drop(raw: string, to: readonly string[], more = ""): Promise<number> {
  const query = to.map((address) => `to=${encodeURIComponent(address)}`).join("&");
  const url = `${world.stack.endpoints.services}/_local/mail?${query}${more}`;
  const { status } = await fetch(url, { method: "POST", body: raw });
  await world.stack.idle();
  return status;
}

const received = async () => {
  const { items } = await world.ann.must(200, "GET", "/events?type=email.received&limit=100");
  return Promise.all(items.map(({ id }: { id: string }) => world.ann.must(200, "GET", `/events/${id}`)));
};

describe("a mail", () => {
  it("to a trigger's address starts its workflow, with its parts as data and its attachments as files", async () => {
    const { ann } = world;
    const target = await world.echo(ann, "mail");
    const made = await world.trigger(ann, {
      ...{ types: ["email.received"], workflowId: target },
      input: '{ "n": event.data.subject & ": " & event.data.text }',
    });
    const other = await world.trigger(ann, { types: ["email.*"], workflowId: await world.echo(ann, "other mail") });
    expect(made.address).toMatch(/^[0-9a-f]{40}@in\.dev\.weft\.example$/);
    expect(other.address).not.toBe(made.address);
    const tagged = made.address.replace("@", "+orders@");
    expect(await drop(mail(made.address, "one"), [tagged, "nobody@in.dev.weft.example"], "&spam=FAIL")).toBe(200);
    const runs = await world.eventRuns(ann, target);
    expect(runs.map(({ input, status }) => [input.n.trim(), status])).toEqual([["Grüße: Schön", "succeeded"]]);
    expect(await world.eventRuns(ann, other.workflowId)).toEqual([]);
    const [event] = await received();
    expect(event.data).toMatchObject({
      ...{ triggerId: made.id, messageId: "<one@example.com>", from: "ada@example.com", cc: ["bob@example.com"] },
      ...{ html: expect.stringContaining("onclick"), isCut: false, dropped: [] },
      verdicts: { spam: "FAIL", virus: "PASS" },
      attachments: [{ name: "may.csv", contentType: expect.stringContaining("text/csv"), size: 8 }],
    });
    const file = await ann.must(200, "GET", `/files/${event.data.attachments[0].fileId}`);
    expect(file).toMatchObject({ source: "email", status: "ready", name: "may.csv" });
  });

  it("is taken once, however often it is sent, and a virus is left behind", async () => {
    const { ann } = world;
    const target = await world.echo(ann, "twice");
    const { address } = await world.trigger(ann, { types: ["email.received"], workflowId: target });
    for (let times = 0; times < 3; times += 1) expect(await drop(mail(address, "same"), [address])).toBe(200);
    expect(await world.eventRuns(ann, target)).toHaveLength(1);
    await drop(mail(address, "ill"), [address], "&virus=FAIL");
    const ill = (await received()).find(({ data }) => data.messageId.includes("ill"));
    expect([ill.data.attachments, ill.data.dropped]).toEqual([
      [],
      [expect.objectContaining({ reason: expect.any(String) })],
    ]);
  });

  it("to nobody, to another domain, to who is off or has moved, or that is none, starts nothing", async () => {
    const { ann } = world;
    const target = await world.echo(ann, "nobody");
    const made = await world.trigger(ann, { types: ["email.received"], workflowId: target });
    const { address } = made;
    expect(await drop(mail(address, "a"), [address.replace("in.dev", "elsewhere")])).toBe(404);
    await drop(mail(address, "b"), ["x@in.dev.weft.example"]);
    const moved = await ann.must(200, "POST", `/event-triggers/${made.id}/rotate-address`);
    expect(moved.address).not.toBe(address);
    await drop(mail(address, "c"), [address]);
    await ann.must(200, "PATCH", `/event-triggers/${made.id}`, { isEnabled: false });
    await drop(mail(moved.address, "d"), [moved.address]);
    await ann.must(200, "PATCH", `/event-triggers/${made.id}`, { isEnabled: true });
    await drop(`Subject: long\r\nX: ${"y".repeat(400_000)}\r\n\r\nhi`, [moved.address]);
    expect(await world.eventRuns(ann, target)).toEqual([]);
    expect(world.logs.filter((line) => line.includes("a mail was not taken"))).toHaveLength(1);
    await drop(mail(moved.address, "e"), [moved.address]);
    expect(await world.eventRuns(ann, target)).toHaveLength(1);
  });
});
