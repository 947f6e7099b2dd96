import { startCall, type WebhookCall } from "@weft/core/trigger/webhook.call";
import { arrivedOf, deliveries, note } from "@weft/core/trigger/webhook.delivery";
import { WebhookEntity, type WebhookRow } from "@weft/core/trigger/webhook.entity";
import type { Claim } from "@weft/core/trigger/webhook.key";
import { claimRun } from "@weft/core/trigger/webhook.key";
import { CreateWebhook } from "@weft/core/trigger/webhook.schema";
import { created } from "@weft/db/base";
import { newId } from "@weft/kernel/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canvas, end, start, text } from "../support/canvas.ts";
import { countRequests } from "../support/count.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;
beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

async function webhook(workflowId: string): Promise<WebhookRow> {
  const {
    auth: _auth,
    ipAllow: _ip,
    cors: _cors,
    idempotency: _key,
    ...rest
  } = CreateWebhook.parse({ name: "h", workflowId });
  const spaceId = world.ctx.spaceId as string;
  const webhookId = newId("webhook");
  const row = {
    ...rest,
    spaceId,
    webhookId,
    auth: { type: "none" as const },
    secrets: [],
    idempotency: "header" as const,
  };
  const { data } = await WebhookEntity.create({ ...row, linkKey: "key", ...created(world.ctx) } as never).go();
  return data as WebhookRow;
}

const call = (body: unknown): WebhookCall => ({
  data: {
    ...{ method: "POST", path: "/", params: {}, query: {}, headers: {}, body, files: [] },
    ...{ contentType: "application/json", ip: "192.0.2.1", webhookId: "whk" },
  },
  files: [],
  isTest: false,
});

describe("a call that is answered at once", () => {
  it("costs three writes at most beside its execution, with a key, and one read of the table none", async () => {
    const target = world.target(canvas([start(text("a")), end({ a: "start.a" })], "start>end"));
    const row = await webhook(target.workflowId);
    const own = await countRequests(() => world.run(target, { input: { a: "1" } }), { writesOnly: true });
    let claim: Claim | undefined;
    const all = await countRequests(
      async () => {
        claim = await claimRun(world.ctx, row, { key: "given:1", mark: "m" });
        const fired = await startCall(world.ctx, world.deps, row, call({ a: "1" }), claim, "async");
        const executionId = fired.status === "started" ? fired.execution.id : undefined;
        const incoming = { ...call({ a: "1" }).data, size: 9 };
        await note(world.ctx, row, {
          outcome: "started",
          isTest: false,
          executionId,
          arrived: arrivedOf(row, incoming),
        });
      },
      { writesOnly: true },
    );
    expect(own).toBeGreaterThan(0);
    expect(all - own).toBeLessThanOrEqual(3);
    expect((await world.get(claim?.executionId ?? "")).input).toEqual({ a: "1" });
    const noted = await deliveries(world.ctx, { webhookId: row.webhookId as never, limit: 5 });
    expect(noted.items).toMatchObject([{ outcome: "started", executionId: claim?.executionId }]);
  });

  it("claims one run for a key whoever asks, until that run failed or a day is over", async () => {
    const target = world.target(canvas([start(text("a")), end({ a: "start.a" })], "start>end"));
    const row = await webhook(target.workflowId);
    const key = { key: "given:2", mark: "m" };
    const claims = await Promise.all(Array.from({ length: 25 }, () => claimRun(world.ctx, row, key)));
    expect(new Set(claims.map(({ executionId }) => executionId)).size).toBe(1);
    expect(claims.filter(({ isRepeat }) => !isRepeat)).toHaveLength(1);
    await expect(claimRun(world.ctx, row, { ...key, mark: "n" })).rejects.toMatchObject({ code: "conflict" });
    const other = await webhook(target.workflowId);
    expect((await claimRun(world.ctx, other, key)).executionId).not.toBe(claims[0]?.executionId);
    world.clock.advance(24 * 60 * 60 * 1000 + 1_000);
    expect((await claimRun(world.ctx, row, key)).isRepeat).toBe(false);
  });
});
