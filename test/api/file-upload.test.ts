import { objectSize } from "@weft/storage/object";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FileApi, sendSigned, sha256, startFileApi } from "../support/files.ts";

const MISSING = "fil_01jd0000000000000000000000";

let api: FileApi;
const call: FileApi["call"] = (...given) => api.call(...given);
const announce: FileApi["announce"] = (input) => api.announce(input);

beforeAll(async () => {
  api = await startFileApi();
});
afterAll(() => api.close());

describe("uploads by link", () => {
  it("are signed for one key, type and length, and become ready when they were looked at", async () => {
    const { file, request, mode } = await announce({ sha256: sha256("hello").toUpperCase(), metadata: { from: "ui" } });
    expect([mode, file.status, file.sha256]).toEqual(["single", "uploading", null]);
    expect(new URL(request.url).pathname).toMatch(new RegExp(`/${api.keyOf(file.id)}$`));
    expect(new URL(request.url).searchParams.get("X-Amz-SignedHeaders")).toBe(
      "content-length;content-type;host;if-none-match",
    );
    expect((await call("POST", `/${file.id}/complete`, {})).status).toBe(409);
    expect((await call("GET", `/${file.id}/download`)).status).toBe(409);
    expect((await sendSigned(request, "hello")).status).toBe(200);
    const done = await call("POST", `/${file.id}/complete`, {});
    expect(done.json).toMatchObject({ status: "ready", sha256: sha256("hello"), metadata: { from: "ui" } });
    expect((await call("POST", `/${file.id}/complete`, {})).json).toEqual(done.json);
    // What was looked at cannot be changed by the same link.
    expect((await sendSigned(request, "evil!")).status).toBe(412);
    expect((await call("POST", `/${file.id}/abort`)).status).toBe(409);
  });

  it("take another length, type or key for no less than a forgery", async () => {
    const { file, request } = await announce({});
    expect((await sendSigned(request, "too long")).status).toBe(403);
    const typed = { ...request, headers: { ...request.headers, "content-type": "text/html" } };
    expect((await sendSigned(typed, "hello")).status).toBe(403);
    expect((await sendSigned({ ...request, url: request.url.replace(file.id, MISSING) }, "hello")).status).toBe(403);
    expect((await fetch(request.url)).status).toBe(403);
    expect(await objectSize(api.keyOf(file.id))).toBeNull();
  });

  it("fail where hash or content are wrong, and leave no bytes behind", async () => {
    const wrongHash = await announce({ sha256: sha256("other") });
    await sendSigned(wrongHash.request, "hello");
    const answer = await call("POST", `/${wrongHash.file.id}/complete`, {});
    expect([answer.status, answer.json.error.details.failure.code]).toEqual([422, "checksum_mismatch"]);
    expect(await objectSize(api.keyOf(wrongHash.file.id))).toBeNull();
    expect((await call("GET", `/${wrongHash.file.id}`)).json).toMatchObject({
      status: "failed",
      failure: { code: "checksum_mismatch" },
    });
    expect((await call("POST", `/${wrongHash.file.id}/complete`, {})).status).toBe(409);
    const lying = await announce({ contentType: "image/png", name: "a.png" });
    await sendSigned(lying.request, "hello");
    const refused = await call("POST", `/${lying.file.id}/complete`, {});
    expect([refused.status, refused.json.error.details.failure.code]).toEqual([422, "unsupported_media_type"]);
  });

  it("go in parts, each signed for its own length", async () => {
    const size = 16 * 1024 * 1024 + 3;
    const content = Buffer.alloc(size, "weft ");
    const made = await announce({ name: "a.log", size, mode: "multipart", sha256: sha256(content) });
    expect(made).toMatchObject({ mode: "multipart", request: null, partSize: 16 * 1024 * 1024, partCount: 2 });
    const parts = `/${made.file.id}/parts`;
    const tooFar = await call("POST", parts, { partNumbers: [1, 3] });
    expect(tooFar.json.error.details.issues[0].path).toBe("partNumbers.1");
    const { items } = (await call("POST", parts, { partNumbers: [1, 2] })).json;
    expect(items.map((item: { size: number }) => item.size)).toEqual([16 * 1024 * 1024, 3]);
    const sent = [];
    for (const { url, partNumber } of items) {
      const from = (partNumber - 1) * made.partSize;
      const body = content.subarray(from, from + made.partSize);
      const answer = await fetch(url, { method: "PUT", body });
      sent.push({ partNumber, etag: answer.headers.get("etag") });
    }
    expect((await fetch(items[1].url, { method: "PUT", body: "four" })).status).toBe(403);
    expect((await call("POST", `/${made.file.id}/complete`, {})).json.error.details.issues[0].path).toBe("parts");
    const wrong = await call("POST", `/${made.file.id}/complete`, { parts: [{ partNumber: 1, etag: "nothing" }] });
    expect([wrong.status, wrong.json.error.details.issues[0].path]).toEqual([400, "parts"]);
    const done = await call("POST", `/${made.file.id}/complete`, { parts: sent });
    expect(done.json).toMatchObject({ status: "ready", size, sha256: sha256(content) });
  });

  it("fail where parts are missing", async () => {
    const made = await announce({ name: "a.log", size: 16 * 1024 * 1024 + 3, mode: "multipart" });
    const { items } = (await call("POST", `/${made.file.id}/parts`, { partNumbers: [2] })).json;
    const etag = (await fetch(items[0].url, { method: "PUT", body: "abc" })).headers.get("etag");
    const answer = await call("POST", `/${made.file.id}/complete`, { parts: [{ partNumber: 2, etag }] });
    expect([answer.status, answer.json.error.details.failure.code]).toEqual([422, "size_mismatch"]);
  });

  it("are aborted, in parts too, and expire", async () => {
    const made = await announce({ name: "a.log", size: 10, mode: "multipart" });
    const { items } = (await call("POST", `/${made.file.id}/parts`, { partNumbers: [1] })).json;
    const aborted = await call("POST", `/${made.file.id}/abort`);
    expect(aborted.json).toMatchObject({ status: "failed", failure: { code: "upload_aborted" } });
    expect((await fetch(items[0].url, { method: "PUT", body: "0123456789" })).status).toBe(404);
    expect((await call("POST", `/${made.file.id}/parts`, { partNumbers: [1] })).status).toBe(409);
  });

  it.each([
    ["a path as the name", { name: "../a.txt" }, "name"],
    ["a name of dots", { name: ".." }, "name"],
    ["a control character in the name", { name: "a\nb" }, "name"],
    ["no media type", { contentType: "text" }, "contentType"],
    ["a type that ends the header", { contentType: "text/plain\r\nx: y" }, "contentType"],
    ["too large a file", { size: 5 * 1024 ** 3 + 1 }, "size"],
    ["a negative size", { size: -1 }, "size"],
    ["a hash that is none", { sha256: "abc" }, "sha256"],
    ["an unknown field", { storageKey: "spaces/other" }, "storageKey"],
    ["an empty file in parts", { size: 0, mode: "multipart" }, "mode"],
  ])("refuse %s", async (_, input, path) => {
    const answer = await call("POST", "/uploads", { name: "a", contentType: "text/plain", size: 5, ...input });
    expect([answer.status, answer.json.error.details.issues[0].path]).toEqual([400, path]);
  });
});
