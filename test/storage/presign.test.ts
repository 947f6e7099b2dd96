import { ManualClock } from "@weft/kernel/clock";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { ObjectsServer } from "@weft/local/objects/server";
import { MAX_EXPIRY_SECONDS, MIN_EXPIRY_SECONDS, presignGet, presignPut } from "@weft/storage/presign";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFiles } from "../support/objects.ts";

let server: ObjectsServer;
beforeAll(async () => {
  server = await startFiles();
});
afterAll(() => server.close());

const ctx = systemCtx("test", { spaceId: newId("space") });
const upload = { key: "files/a.csv", contentType: "text/csv", size: 3 };

describe("presigned links", () => {
  it("carry a file in and out", async () => {
    const put = await presignPut(ctx, upload);
    const { "content-length": _length, ...headers } = put.headers;
    const sent = await fetch(put.url, { method: put.method, headers, body: "a,b" });
    expect(sent.status).toBe(200);
    const get = await presignGet(ctx, { key: upload.key, fileName: 'Über "x".csv', contentType: "text/csv" });
    const got = await fetch(get.url);
    expect(await got.text()).toBe("a,b");
    expect(new URL(get.url).searchParams.get("response-content-disposition")).toBe(
      "attachment; filename*=UTF-8''%C3%9Cber%20%22x%22.csv",
    );
  });

  it("sign type and length, hold no checksum of an empty body and say when they end", async () => {
    const clock = new ManualClock();
    const put = await presignPut({ ...ctx, clock }, { ...upload, expiresInSeconds: 60 });
    const query = new URL(put.url).searchParams;
    expect(query.get("X-Amz-SignedHeaders")).toBe("content-length;content-type;host;if-none-match");
    expect(query.get("X-Amz-Expires")).toBe("60");
    expect(query.get("X-Amz-Date")).toBe("20260101T000000Z");
    expect([...query.keys()].filter((name) => /checksum/i.test(name))).toEqual([]);
    expect(put.expiresAt).toBe("2026-01-01T00:01:00.000Z");
    expect(put.headers).toEqual({ "content-type": "text/csv", "content-length": "3", "if-none-match": "*" });
    expect(new URL(put.url).pathname).toBe(`/weft-files/spaces/${ctx.spaceId}/files/a.csv`);
  });

  it("show only harmless types in the browser", async () => {
    const disposition = async (contentType?: string) =>
      new URL(
        (await presignGet(ctx, { key: "files/a", ...(contentType ? { contentType } : {}) })).url,
      ).searchParams.get("response-content-disposition");
    expect(await disposition("image/png")).toBe("inline");
    const saved = await presignGet(ctx, { key: "files/a", contentType: "image/png", asAttachment: true });
    expect(new URL(saved.url).searchParams.get("response-content-disposition")).toBe("attachment");
    const page = await presignGet(ctx, { key: "files/a", contentType: "text/html" });
    expect(new URL(page.url).searchParams.get("response-content-type")).toBe("application/octet-stream");
    for (const type of ["text/html", "image/svg+xml", "application/xhtml+xml", undefined]) {
      expect(await disposition(type)).toBe("attachment");
    }
  });

  it("refuse wrong sizes, types and times", async () => {
    const wrong: [Partial<typeof upload & { maxSize: number; expiresInSeconds: number }>, string][] = [
      [{ size: -1 }, "invalid_input"],
      [{ size: 1.5 }, "invalid_input"],
      [{ size: Number.NaN }, "invalid_input"],
      [{ size: 11, maxSize: 10 }, "too_large"],
      [{ size: 6 * 1024 ** 3 }, "too_large"],
      [{ contentType: "csv" }, "invalid_input"],
      [{ contentType: "text/csv\r\nx-evil: 1" }, "invalid_input"],
      [{ expiresInSeconds: MIN_EXPIRY_SECONDS - 1 }, "invalid_input"],
      [{ expiresInSeconds: MAX_EXPIRY_SECONDS + 1 }, "invalid_input"],
      [{ key: "../other/a" }, "not_found"],
      [{ key: "files//a" }, "not_found"],
      [{ key: "" }, "not_found"],
    ];
    for (const [change, code] of wrong) {
      await expect(presignPut(ctx, { ...upload, ...change })).rejects.toMatchObject({ code });
    }
    await expect(presignGet(ctx, { key: "../other/a" })).rejects.toMatchObject({ code: "not_found" });
  });
});
