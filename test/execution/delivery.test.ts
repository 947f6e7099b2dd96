import { eventRow } from "@weft/core/event/event.emit";
import { EventEntity } from "@weft/core/event/event.entity";
import type { LaneInput } from "@weft/core/execution/machine";
import { prepare } from "@weft/core/subscription/delivery.prepare";
import { FAILING_LIMIT_MS, RETRY_PAUSES_MS, runDelivery } from "@weft/core/subscription/delivery.run";
import * as Delivery from "@weft/core/subscription/delivery.service";
import { sweepDeliveries } from "@weft/core/subscription/delivery.sweep";
import { CreateSubscription } from "@weft/core/subscription/subscription.schema";
import * as Subscription from "@weft/core/subscription/subscription.service";
import { ManualClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFiles } from "../support/objects.ts";
import { startTable } from "../support/table.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const clock = new ManualClock();
const ctx: Ctx = { ...systemCtx("test", { clock }), spaceId: newId("space") };
/** How the receiver answers from now on, and what it got. */
let answer: { status: number; headers?: Record<string, string> } = { status: 200 };
const sent: { at: number; id: string; signatures: number }[] = [];
const logs: string[] = [];
const lanes = new Map<string, { input: LaneInput; until: number }>();

const sealer = {
  seal: async (_context: unknown, text: string) => ({
    key: "",
    iv: "",
    tag: "",
    text: Buffer.from(text).toString("base64"),
  }),
  open: async (_context: unknown, { text }: { text: string }) => Buffer.from(text, "base64").toString(),
};
const http = {
  request: async ({ headers }: { headers: Record<string, string> }) => {
    const signatures = headers["webhook-signature"]?.split(" ").length ?? 0;
    sent.push({ at: clock.now(), id: headers["webhook-id"] ?? "", signatures });
    return { headers: {}, ...answer, body: new TextEncoder().encode("said") };
  },
};
const machine = {
  start: async (name: string, input: LaneInput) => {
    if (!lanes.has(name)) lanes.set(name, { input, until: clock.now() });
  },
  stop: async () => undefined,
  isRunning: async (name: string) => lanes.has(name),
  wake: async () => undefined,
};
const deps = { clock, machine, sealer, http, log: (message: string) => void logs.push(message) };

/** Moves time and lets lanes go on as they become due, in their order. */
async function pass(ms: number): Promise<void> {
  const end = clock.now() + ms;
  for (;;) {
    const due = [...lanes].filter(([, { until }]) => until <= end).sort(([, a], [, b]) => a.until - b.until)[0];
    if (!due) break;
    const [name, lane] = due;
    clock.advance(Math.max(0, lane.until - clock.now()));
    const route = await runDelivery(deps, lane.input);
    if (route.next === "wait") lane.until = Date.parse(route.until);
    else lanes.delete(name);
  }
  clock.advance(end - clock.now());
}

let made = 0;
async function subscribe() {
  made += 1;
  const body = { name: `s${made}`, url: "https://example.com/in", types: [`type${made}.*`] };
  return Subscription.create(ctx, sealer, CreateSubscription.parse(body));
}

async function happen(subscription: { id: string; types: string[] }) {
  const type = `${subscription.types[0]?.slice(0, -2)}.happened`;
  const row = await eventRow(ctx, { type, source: "test", data: { n: 1 } });
  await EventEntity.create(row).go();
  await prepare(ctx, deps, subscription.id, row, { n: 1 });
  await prepare(ctx, deps, subscription.id, row, { n: 1 });
  return row.eventId;
}

const list = async ({ id }: { id: `sub_${string}` }) =>
  (await Delivery.list(ctx, { subscriptionId: id, limit: 100 })).items;

let stop: () => Promise<void>;
beforeAll(async () => {
  const [table, files] = await Promise.all([startTable(), startFiles()]);
  stop = async () => void (await Promise.all([table.close(), files.close()]));
});
afterAll(() => stop());

describe("a delivery", () => {
  it("is tried for three days in growing pauses, then is dead, until somebody sends it again", async () => {
    const subscription = await subscribe();
    answer = { status: 500 };
    sent.length = 0;
    const since = new Date(clock.now()).toISOString();
    const id = await happen(subscription);
    await pass(4 * DAY);
    expect(sent.map((one) => one.id)).toEqual(Array(RETRY_PAUSES_MS.length + 1).fill(id));
    const pauses = sent.slice(1).map(({ at }, index) => at - (sent[index]?.at ?? 0));
    for (const [index, pause] of RETRY_PAUSES_MS.entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(pause);
      expect(pauses[index]).toBeLessThanOrEqual(pause * 1.1 + 1);
    }
    expect(RETRY_PAUSES_MS.reduce((sum, pause) => sum + pause, 0)).toBeGreaterThan(3 * DAY);
    const [dead] = await list(subscription);
    expect(dead).toMatchObject({ status: "dead", error: "answered 500", nextAttemptAt: null });
    expect(dead?.attempts).toHaveLength(RETRY_PAUSES_MS.length + 1);
    expect(logs).toEqual(["a delivery was given up"]);
    answer = { status: 200 };
    const given = { subscriptionId: subscription.id, since };
    expect(await Delivery.replayAll(ctx, deps, given)).toEqual({ replayed: 1, hasMore: false });
    await pass(0);
    expect((await list(subscription))[0]).toMatchObject({ status: "succeeded", replays: 1, error: null });
    expect(await Delivery.replayAll(ctx, deps, given)).toEqual({ replayed: 0, hasMore: false });
    await Delivery.replay(ctx, deps, { subscriptionId: subscription.id, deliveryId: dead?.id as `dlv_${string}` });
    await pass(0);
    expect(sent).toHaveLength(RETRY_PAUSES_MS.length + 3);
  });

  it.each([
    ["seconds", () => "7200"],
    ["a date", () => new Date(clock.now() + 2 * HOUR).toUTCString()],
  ])("waits as long as the receiver asks for, in %s", async (_form, retryAfter) => {
    const subscription = await subscribe();
    answer = { status: 429, headers: { "retry-after": retryAfter() } };
    sent.length = 0;
    await happen(subscription);
    await pass(1.9 * HOUR);
    expect(sent).toHaveLength(1);
    answer = { status: 204 };
    await pass(0.2 * HOUR);
    expect(sent).toHaveLength(2);
    expect((await list(subscription))[0]?.status).toBe("succeeded");
  });

  it("to a receiver that is gone turns its subscription off; what waits is cancelled and can be sent again", async () => {
    const subscription = await subscribe();
    answer = { status: 500 };
    await happen(subscription);
    await pass(0);
    answer = { status: 410 };
    await happen(subscription);
    await pass(HOUR);
    const off = await Subscription.get(ctx, { subscriptionId: subscription.id });
    expect([off.isEnabled, off.disabledReason]).toEqual([false, expect.stringContaining("410")]);
    expect((await list(subscription)).map(({ status }) => status).sort()).toEqual(["cancelled", "dead"]);
    const again = { subscriptionId: subscription.id, since: new Date(clock.now() - DAY).toISOString() };
    await expect(Delivery.replayAll(ctx, deps, again)).rejects.toMatchObject({ code: "conflict" });
    await Subscription.update(ctx, sealer, { subscriptionId: subscription.id, isEnabled: true });
    answer = { status: 200 };
    expect(await Delivery.replayAll(ctx, deps, again)).toMatchObject({ replayed: 2 });
    await pass(0);
    expect((await list(subscription)).map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
  });

  it("that fails for five days turns its subscription off, one success before starts the count again", async () => {
    const subscription = await subscribe();
    const get = () => Subscription.get(ctx, { subscriptionId: subscription.id });
    answer = { status: 500 };
    await happen(subscription);
    await pass(DAY);
    expect((await get()).failingSince).not.toBeNull();
    answer = { status: 200 };
    await happen(subscription);
    await pass(0);
    expect((await get()).failingSince).toBeNull();
    answer = { status: 500 };
    for (let at = 0; at <= FAILING_LIMIT_MS; at += DAY) {
      await happen(subscription);
      await pass(DAY);
    }
    expect(await get()).toMatchObject({ isEnabled: false, disabledReason: expect.stringContaining("no delivery") });
  });

  it("goes on where its lane is gone, and signs with two secrets for as long as was said", async () => {
    const subscription = await subscribe();
    answer = { status: 200 };
    sent.length = 0;
    await Subscription.rotate(ctx, sealer, { subscriptionId: subscription.id, overlapSeconds: 3_600 });
    await happen(subscription);
    lanes.clear();
    await pass(2 * 60_000);
    expect(sent).toEqual([]);
    await sweepDeliveries(deps);
    await pass(0);
    await happen(subscription);
    await pass(2 * HOUR);
    await happen(subscription);
    await pass(0);
    expect(sent.map(({ signatures }) => signatures)).toEqual([2, 2, 1]);
    expect((await list(subscription)).map(({ status }) => status)).toEqual(Array(3).fill("succeeded"));
  });
});
