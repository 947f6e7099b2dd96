import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { ObjectsServer } from "@weft/local/objects/server";
import { getWorkspaceFile, putWorkspaceFile } from "@weft/storage/workspace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFiles } from "../support/objects.ts";

let server: ObjectsServer;
beforeAll(async () => {
  server = await startFiles();
});
afterAll(() => server.close());

const ctx = systemCtx("test", { spaceId: newId("space") });
const file = { bytes: Buffer.from([0, 255, 1]), contentType: "image/png" };

describe("files of a space", () => {
  it("come back as they were written, the last one written", async () => {
    const key = "a/ü b+c%20&=.png";
    await putWorkspaceFile(ctx, key, { ...file, bytes: Buffer.from("before") });
    await putWorkspaceFile(ctx, key, file);
    const found = await getWorkspaceFile(ctx, key, 3);
    expect(Buffer.from(found?.bytes ?? [])).toEqual(file.bytes);
    expect(found?.contentType).toBe("image/png");
    expect(await getWorkspaceFile(ctx, "a/other", 3)).toBeNull();
  });
  it("are not read when they are larger than asked for", async () => {
    await putWorkspaceFile(ctx, "big", file);
    await expect(getWorkspaceFile(ctx, "big", 2)).rejects.toMatchObject({ code: "too_large" });
    expect(await getWorkspaceFile(ctx, "big", 3)).not.toBeNull();
  });
  it("are nobody else's", async () => {
    await putWorkspaceFile(ctx, "mine", file);
    const other = systemCtx("test", { spaceId: newId("space") });
    expect(await getWorkspaceFile(other, "mine", 10)).toBeNull();
    for (const key of [
      "../mine",
      `../../${ctx.spaceId}/workspace/mine`,
      "/mine",
      "a//b",
      "a/..",
      ".",
      "",
      "a\\b",
      "a\nb",
      "x".repeat(513),
      "\ud800",
    ]) {
      await expect(getWorkspaceFile(other, key, 10)).rejects.toMatchObject({ code: "invalid_input" });
      await expect(putWorkspaceFile(other, key, file)).rejects.toMatchObject({ code: "invalid_input" });
    }
  });
});
