import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { StoredValue } from "@weft/kernel/stored";
import type { ObjectsServer } from "@weft/local/objects/server";
import { discard, load, MAX_VALUE_BYTES, OFFLOAD_BYTES, offload, storedSize } from "@weft/storage/blob";
import { filesBucket, s3 } from "@weft/storage/client";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFiles } from "../support/objects.ts";

let server: ObjectsServer;
beforeAll(async () => {
  server = await startFiles();
});
afterAll(() => server.close());

const ctx = systemCtx("test", { spaceId: newId("space") });
const owner = { entity: "execution", id: newId("execution") };

type Pointer = Exclude<StoredValue, { json: string }>;

async function offloaded(value: unknown): Promise<Pointer> {
  const stored = await offload(ctx, owner, value);
  if ("json" in stored) throw new Error("expected a pointer");
  return stored;
}

describe("large values", () => {
  it("stay in the row up to 100 KB of UTF-8 and go to S3 above", async () => {
    const fits = "x".repeat(OFFLOAD_BYTES - 2);
    expect(await offload(ctx, owner, fits)).toEqual({ json: `"${fits}"` });
    const stored = await offloaded(`${fits}x`);
    expect(stored.size).toBe(OFFLOAD_BYTES + 1);
    expect(stored.ref).toBe(`spaces/${ctx.spaceId}/execution/${owner.id}/${stored.sha256}`);
    expect(await load(ctx, stored)).toBe(`${fits}x`);
    const wide = await offloaded("é".repeat(OFFLOAD_BYTES / 2));
    expect(storedSize(wide)).toBe(OFFLOAD_BYTES + 2);
  });

  it("come back as they were (property)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.boolean(), async (value, isLarge) => {
        const whole = isLarge ? { value, pad: "p".repeat(OFFLOAD_BYTES) } : value;
        const expected = JSON.parse(JSON.stringify(whole));
        expect(await load(ctx, await offload(ctx, owner, whole))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it("are one object however often they are written", async () => {
    const value = { text: "same".repeat(OFFLOAD_BYTES) };
    const refs = await Promise.all([1, 2, 3].map(() => offloaded(value)));
    expect(new Set(refs.map(({ ref }) => ref)).size).toBe(1);
    const listed = await s3().send(new ListObjectsV2Command({ Bucket: filesBucket(), Prefix: refs[0]?.ref ?? "" }));
    expect(listed.KeyCount).toBe(1);
  });

  it("are gone with a typed error when the object is missing", async () => {
    const stored = await offloaded("gone".repeat(OFFLOAD_BYTES));
    await discard(ctx, stored);
    await discard(ctx, stored);
    await expect(load(ctx, stored)).rejects.toMatchObject({ code: "gone" });
    await discard(ctx, { json: "1" });
  });

  it("are refused when damaged: other bytes of the same size, and another size", async () => {
    const stored = await offloaded("whole".repeat(OFFLOAD_BYTES));
    const put = (Body: string) => s3().send(new PutObjectCommand({ Bucket: filesBucket(), Key: stored.ref, Body }));
    await put(`"${"wholE".repeat(OFFLOAD_BYTES)}"`);
    await expect(load(ctx, stored)).rejects.toMatchObject({ code: "internal" });
    await put('"short"');
    await expect(load(ctx, stored)).rejects.toMatchObject({ code: "internal" });
  });

  it("are another space's not_found, even with the right pointer", async () => {
    const stored = await offloaded("secret".repeat(OFFLOAD_BYTES));
    const stranger = systemCtx("test", { spaceId: newId("space") });
    await expect(load(stranger, stored)).rejects.toMatchObject({ code: "not_found" });
    await expect(discard(stranger, stored)).rejects.toMatchObject({ code: "not_found" });
    await expect(load(systemCtx("test"), stored)).rejects.toMatchObject({ code: "not_found" });
    expect(await load(ctx, stored)).toContain("secret");
  });

  it("are refused when JSON cannot hold them, and above the limit", async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const value of [undefined, () => 1, 1n, circle]) {
      await expect(offload(ctx, owner, value)).rejects.toMatchObject({ code: "invalid_input" });
    }
    await expect(offload(ctx, owner, "x".repeat(MAX_VALUE_BYTES))).rejects.toMatchObject({ code: "too_large" });
  });

  it("never leave their prefix", async () => {
    const large = "x".repeat(OFFLOAD_BYTES);
    for (const id of ["../../other", "a/b", "", ".."]) {
      await expect(offload(ctx, { ...owner, id }, large)).rejects.toMatchObject({ code: "internal" });
    }
  });

  it("say unavailable when the store does not answer as it should", async () => {
    const stored = await offloaded("later".repeat(OFFLOAD_BYTES));
    const send = s3().send;
    const failing = Object.assign(new Error("slow down"), { name: "SlowDown", $metadata: { httpStatusCode: 503 } });
    try {
      s3().send = () => Promise.reject(failing);
      await expect(load(ctx, stored)).rejects.toMatchObject({ code: "unavailable", retryable: true });
      await expect(offloaded("x".repeat(OFFLOAD_BYTES))).rejects.toMatchObject({ code: "unavailable" });
    } finally {
      s3().send = send;
    }
    await s3().send(new DeleteObjectCommand({ Bucket: filesBucket(), Key: stored.ref }));
  });
});
