import { HeadObjectCommand, PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { ObjectsServer } from "@weft/local/objects/server";
import { filesBucket, s3 } from "@weft/storage/client";
import { MAX_LINE_BYTES, parseJsonl, readJsonl, writeJsonl } from "@weft/storage/jsonl";
import { objectKey } from "@weft/storage/object";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFiles } from "../support/objects.ts";

let server: ObjectsServer;
beforeAll(async () => {
  server = await startFiles();
});
afterAll(() => server.close());

const ctx = systemCtx("test", { spaceId: newId("space") });

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const parse = (text: string | Uint8Array, size = 7, max?: number) =>
  collect(parseJsonl(cut(typeof text === "string" ? Buffer.from(text) : text, size), max));

async function putText(key: string, text: string): Promise<void> {
  await s3().send(new PutObjectCommand({ Bucket: filesBucket(), Key: objectKey(ctx, key), Body: text }));
}

/** The ids of the multipart uploads that were begun meanwhile. */
async function uploadsDuring(work: () => Promise<void>): Promise<string[]> {
  const ids: string[] = [];
  const name = "noteUploads";
  s3().middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { UploadId } = result.output as { UploadId?: string };
      if (UploadId) ids.push(UploadId);
      return result;
    },
    { name, step: "initialize" },
  );
  await work().finally(() => s3().middlewareStack.remove(name));
  return ids;
}

const exists = (key: string) =>
  s3()
    .send(new HeadObjectCommand({ Bucket: filesBucket(), Key: objectKey(ctx, key) }))
    .then(
      () => true,
      () => false,
    );

describe("reading JSONL", () => {
  it("gives the values with their lines, whatever the ends of lines", async () => {
    const text = '\ufeff{"a":1}\r\n\n  \n[2]\n"last"';
    expect(await parse(text, 1)).toEqual([
      { line: 1, value: { a: 1 } },
      { line: 4, value: [2] },
      { line: 5, value: "last" },
    ]);
    expect(await parse("")).toEqual([]);
  });

  it("gives what was written however the bytes are cut (property)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), fc.integer({ min: 1, max: 40 }), async (values, size) => {
        const lines = values.map((value) => `${JSON.stringify(value)}\n`).join("");
        const expected = values.map((value, n) => ({ line: n + 1, value: JSON.parse(JSON.stringify(value)) }));
        expect(await parse(lines, size)).toEqual(expected);
      }),
    );
  });

  it("names the line that is wrong", async () => {
    const wrong: [() => Promise<unknown>, number, string][] = [
      [() => parse("1\n{a:1}\n"), 2, "is not JSON"],
      [() => parse("1\n\n2 3\n"), 3, "is not JSON"],
      [() => parse(Buffer.from([0x31, 0x0a, 0x22, 0xff, 0x22, 0x0a])), 2, "is not UTF-8"],
      [() => parse(`1\n"${"x".repeat(50)}"\n`, 7, 20), 2, "is longer than 20 bytes"],
      [() => parse("x".repeat(50), 50, 20), 1, "is longer than 20 bytes"],
    ];
    for (const [read, line, problem] of wrong) {
      await expect(read()).rejects.toMatchObject({ code: "unprocessable", details: { line } });
      await expect(read()).rejects.toThrow(`line ${line} ${problem}`);
    }
  });

  it("gives the lines before a wrong one", async () => {
    await putText("files/partial.jsonl", "1\n2\nthree\n");
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const { value } of readJsonl(ctx, "files/partial.jsonl")) seen.push(value);
    })();
    await expect(reading).rejects.toMatchObject({ details: { line: 3 } });
    expect(seen).toEqual([1, 2]);
  });

  it("answers not_found for a missing object, another space's and a key that climbs out", async () => {
    await putText("files/mine.jsonl", "1\n");
    const stranger = systemCtx("test", { spaceId: newId("space") });
    const missing = [
      () => collect(readJsonl(ctx, "files/none.jsonl")),
      () => collect(readJsonl(stranger, "files/mine.jsonl")),
      () => collect(readJsonl(stranger, `../${ctx.spaceId}/files/mine.jsonl`)),
    ];
    for (const read of missing) await expect(read()).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("writing JSONL", () => {
  it("writes small files at once and large ones in parts", async () => {
    expect(await writeJsonl(ctx, "files/empty.jsonl", [])).toEqual({ key: "files/empty.jsonl", lines: 0, bytes: 0 });
    expect(await collect(readJsonl(ctx, "files/empty.jsonl"))).toEqual([]);
    const rows = Array.from({ length: 20 }, (_, n) => ({ n, text: "é".repeat(500_000) }));
    const written = await writeJsonl(ctx, "files/large.jsonl", rows);
    expect(written.lines).toBe(20);
    expect(written.bytes).toBeGreaterThan(16 * 1024 * 1024);
    const back = await collect(readJsonl(ctx, "files/large.jsonl"));
    expect(back.map(({ value }) => (value as { n: number }).n)).toEqual(rows.map(({ n }) => n));
    expect(back[19]?.value).toEqual(rows[19]);
  });

  it("leaves neither object nor parts when the source fails", async () => {
    const source = (async function* () {
      for (let n = 0; n < 5; n++) yield "x".repeat(3_000_000);
      throw new Error("source broke");
    })();
    const uploads = await uploadsDuring(async () => {
      await expect(writeJsonl(ctx, "files/broken.jsonl", source)).rejects.toThrow("source broke");
    });
    expect(await exists("files/broken.jsonl")).toBe(false);
    expect(uploads).toHaveLength(1);
    const target = { Bucket: filesBucket(), Key: objectKey(ctx, "files/broken.jsonl"), UploadId: uploads[0] };
    const late = s3().send(new UploadPartCommand({ ...target, PartNumber: 1, Body: "x" }));
    await expect(late).rejects.toMatchObject({ name: "NoSuchUpload" });
  });

  it("names the line that cannot be written", async () => {
    const bad: [unknown[], number][] = [
      [[1, undefined], 2],
      [[1, 2, "x".repeat(MAX_LINE_BYTES)], 3],
    ];
    for (const [values, line] of bad) {
      await expect(writeJsonl(ctx, "files/bad.jsonl", values)).rejects.toMatchObject({
        code: "unprocessable",
        details: { line },
      });
      expect(await exists("files/bad.jsonl")).toBe(false);
    }
  });
});
