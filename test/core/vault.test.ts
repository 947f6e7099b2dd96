import { kmsSealer } from "@weft/adapters/seal/kms";
import { openSecret, putSecretOp, RESEAL_AFTER_MS, removeSecrets, resealOld } from "@weft/core/platform/vault";
import { VaultEntity } from "@weft/core/platform/vault.entity";
import { transact } from "@weft/db/write";
import { ManualClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { AwsServer } from "@weft/local/aws/server";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startKms } from "../support/kms.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";

let table: DynamoServer;
let kms: AwsServer;
const clock = new ManualClock();
const ctxOf = (): Ctx => ({ ...systemCtx("test", { clock }), spaceId: newId("space") });
const sealer = kmsSealer();
const context = { spaceId: "spc_1", credentialId: "crd_1", version: "1" };

beforeAll(async () => {
  [table, kms] = await Promise.all([startTable(), startKms()]);
});
afterAll(async () => {
  await Promise.all([table.close(), kms.close()]);
});

describe("a sealed text", () => {
  it("opens again, in a process that sealed it and in another one", async () => {
    const sealed = await sealer.seal(context, "größer");
    expect(await sealer.open(context, sealed)).toBe("größer");
    expect(await kmsSealer().open(context, sealed)).toBe("größer");
    expect(JSON.stringify(sealed)).not.toContain("größer");
  });

  it("has a key and a nonce of its own each time", async () => {
    const [a, b] = [await sealer.seal(context, "same"), await sealer.seal(context, "same")];
    for (const part of ["key", "iv", "text"] as const) expect(a[part]).not.toBe(b[part]);
  });

  it.each([
    ["another space", { ...context, spaceId: "spc_2" }],
    ["another owner", { ...context, credentialId: "crd_2" }],
    ["another version", { ...context, version: "2" }],
  ])("does not open for %s, by KMS or by a key that is known here", async (_, other) => {
    const sealed = await sealer.seal(context, "mine");
    await sealer.open(context, sealed);
    await expect(sealer.open(other, sealed)).rejects.toMatchObject({ code: "internal" });
    await expect(kmsSealer().open(other, sealed)).rejects.toMatchObject({ code: "internal" });
  });

  it.each(["iv", "tag", "text", "key"] as const)("does not open with a changed %s", async (part) => {
    const sealed = await sealer.seal(context, "mine");
    const bytes = Buffer.from(sealed[part], "base64");
    bytes[bytes.length - 1]! ^= 1;
    const changed = { ...sealed, [part]: bytes.toString("base64") };
    await expect(sealer.open(context, changed)).rejects.toMatchObject({ code: "internal" });
  });

  it("opens after the master key was rotated", async () => {
    const sealed = await sealer.seal(context, "before");
    const { handle } = kms;
    const body = Buffer.from(JSON.stringify({ KeyId: process.env.DATA_KEY_ARN }));
    await handle({ target: "TrentService.RotateKeyOnDemand", body } as never);
    expect(await kmsSealer().open(context, sealed)).toBe("before");
  });

  it("says later, and not never, where KMS cannot be reached", async () => {
    const before = process.env.AWS_ENDPOINT_URL_KMS;
    process.env.AWS_ENDPOINT_URL_KMS = "http://127.0.0.1:1";
    try {
      const rejected = kmsSealer().seal(context, "x");
      await expect(rejected).rejects.toMatchObject({ code: "unavailable", retryable: true });
    } finally {
      process.env.AWS_ENDPOINT_URL_KMS = before;
    }
  });
});

describe("the vault", () => {
  it("keeps versions apart and destroys all of an owner's", async () => {
    const ctx = ctxOf();
    const put = async (version: string, value: unknown) =>
      transact([await putSecretOp(ctx, sealer, { ownerId: "crd_a", version }, value)]);
    await put("1", { key: "canary-one" });
    await put("2", { key: "canary-two" });
    expect(await openSecret(ctx, sealer, { ownerId: "crd_a", version: "1" })).toEqual({ key: "canary-one" });
    expect(await openSecret(ctxOf(), sealer, { ownerId: "crd_a", version: "1" })).toBeUndefined();
    expect(JSON.stringify(await allRows())).not.toContain("canary-");
    await removeSecrets(ctx, "crd_a");
    for (const version of ["1", "2"]) {
      expect(await openSecret(ctx, sealer, { ownerId: "crd_a", version })).toBeUndefined();
    }
  });

  it("seals what is old anew, and leaves the rest", async () => {
    const ctx = ctxOf();
    const spaceId = ctx.spaceId!;
    const owners = Array.from({ length: 60 }, (_, index) => `crd_${index}`);
    for (const ownerId of owners) {
      await transact([await putSecretOp(ctx, sealer, { ownerId, version: "1" }, ownerId)]);
    }
    const rowOf = async (ownerId: string) =>
      (await VaultEntity.get({ spaceId, ownerId, version: "1" }).go({ consistent: true })).data!;
    const before = await rowOf("crd_7");
    clock.advance(RESEAL_AFTER_MS + 1);
    await transact([await putSecretOp(ctx, sealer, { ownerId: "crd_new", version: "1" }, "new")]);
    const fresh = await rowOf("crd_new");
    const broken = { ...(await rowOf("crd_8")).sealed, tag: Buffer.alloc(16).toString("base64") };
    await VaultEntity.patch({ spaceId, ownerId: "crd_8", version: "1" }).set({ sealed: broken }).go();
    const done = await resealOld(ctx, sealer, clock.now() + 60_000);
    expect(done.failed).toBe(1);
    expect(done.resealed).toBeGreaterThanOrEqual(59);
    const after = await rowOf("crd_7");
    expect(after.sealed.key).not.toBe(before.sealed.key);
    expect(await openSecret(ctx, sealer, { ownerId: "crd_7", version: "1" })).toBe("crd_7");
    expect(await rowOf("crd_new")).toEqual(fresh);
    expect(await resealOld(ctx, sealer, clock.now() + 60_000)).toEqual({ resealed: 0, failed: 1 });
  });
});
