import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { ManualClock } from "@weft/kernel/clock";
import { type ObjectsServer, startObjects } from "@weft/local/objects/server";
import type { S3EventRecord } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const Bucket = "files";
const MEBIBYTE = 1024 * 1024;
const common = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" }, maxAttempts: 1 };

const clock = new ManualClock(Date.now());
const records: S3EventRecord[] = [];
let folder: string;
let server: ObjectsServer;
let s3: S3Client;
let sqs: SQSClient;
let failuresLeft = 0;

async function start(): Promise<void> {
  server = await startObjects({
    path: folder,
    clock,
    onObjectCreated: (record) => {
      if (failuresLeft-- > 0) throw new Error("the handler fails");
      records.push(record);
    },
  });
  s3 = new S3Client({ ...common, endpoint: server.s3Url, forcePathStyle: true });
  sqs = new SQSClient({ ...common, endpoint: server.sqsUrl });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-objects-"));
  await start();
  server.createBucket(Bucket);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const put = (Key: string, Body: string | Uint8Array, more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const text = async (Key: string, more: object = {}) =>
  (await s3.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body?.transformToString();

describe("objects", () => {
  it("are put, read in ranges, copied and deleted", async () => {
    await put("a/b c+é.txt", "hello world", { ContentType: "text/plain", Metadata: { kind: "greeting" } });
    expect(await text("a/b c+é.txt")).toBe("hello world");
    expect(await text("a/b c+é.txt", { Range: "bytes=6-" })).toBe("world");
    await s3.send(new CopyObjectCommand({ Bucket, Key: "a/copy", CopySource: `${Bucket}/a/b%20c%2B%C3%A9.txt` }));
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "a/copy" }));
    expect(head).toMatchObject({ ContentType: "text/plain", ContentLength: 11, Metadata: { kind: "greeting" } });
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "a/copy" }));
    await expect(text("a/copy")).rejects.toMatchObject({ name: "NoSuchKey" });
  });

  it("may be empty or larger than a default body limit", async () => {
    await put("empty", "");
    expect(await text("empty")).toBe("");
    const large = Buffer.alloc(13 * MEBIBYTE, 7);
    await put("large", large);
    const { ContentLength } = await s3.send(new HeadObjectCommand({ Bucket, Key: "large" }));
    expect(ContentLength).toBe(large.length);
  });

  it("are written once under If-None-Match, whatever the number of writers", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => put("once", `writer ${n}`, { IfNoneMatch: "*" })),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") {
        expect(outcome.reason).toMatchObject({ name: "PreconditionFailed", $metadata: { httpStatusCode: 412 } });
      }
    }
  });

  it("are replaced under If-Match only as they were seen", async () => {
    const first = await put("seen", "one");
    const second = await put("seen", "two", { IfMatch: first.ETag });
    await expect(put("seen", "three", { IfMatch: first.ETag })).rejects.toMatchObject({ name: "PreconditionFailed" });
    await expect(put("unseen", "x", { IfMatch: first.ETag })).rejects.toMatchObject({ name: "NoSuchKey" });
    expect(await text("seen")).toBe("two");
    await put("seen", "three", { IfMatch: second.ETag });
    expect(await text("seen")).toBe("three");
  });

  it("are uploaded in parts, and the whole honours If-None-Match", async () => {
    const upload = async (Key: string, more: object) => {
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const bodies = [Buffer.alloc(5 * MEBIBYTE, "a"), Buffer.from("end")];
      const Parts = [];
      for (const [at, Body] of bodies.entries()) {
        const PartNumber = at + 1;
        const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
        Parts.push({ ETag, PartNumber });
      }
      const MultipartUpload = { Parts };
      await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload, ...more }));
    };
    await upload("parts", { IfNoneMatch: "*" });
    expect(await text("parts", { Range: `bytes=${5 * MEBIBYTE - 1}-` })).toBe("aend");
    await expect(upload("parts", { IfNoneMatch: "*" })).rejects.toMatchObject({ name: "PreconditionFailed" });
  });

  it("are streamed from disk where they are large, in ranges too, and replaced and removed whole", async () => {
    const large = Buffer.alloc(3 * MEBIBYTE, "0123456789");
    await put("on disk", large, { Metadata: { kind: "large" } });
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "on disk" }));
    expect(head).toMatchObject({ ContentLength: large.length, Metadata: { kind: "large" } });
    expect(head.ETag).toBe(`"${createHash("md5").update(large).digest("hex")}"`);
    expect(await text("on disk", { Range: "bytes=3145720-3145729" })).toBe(large.subarray(-8).toString());
    expect(await text("on disk", { Range: "bytes=-3" })).toBe(large.subarray(-3).toString());
    await expect(text("on disk", { Range: "bytes=99999999-" })).rejects.toMatchObject({ name: "InvalidRange" });
    await s3.send(new CopyObjectCommand({ Bucket, Key: "copied", CopySource: `${Bucket}/on%20disk` }));
    expect(await text("copied", { Range: "bytes=10-12" })).toBe("012");
    await put("on disk", "small");
    expect(await text("on disk")).toBe("small");
    await put("on disk", large);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "on disk" }));
    await expect(text("on disk")).rejects.toMatchObject({ name: "NoSuchKey" });
    await put("on disk", "new");
    expect(await text("on disk")).toBe("new");
  });

  it("refuse parts that do not fit together, and forget what is aborted", async () => {
    const Key = "misfits";
    const before = await readdir(join(folder, "parts"));
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const tags: (string | undefined)[] = [];
    for (const [at, size] of [6, 2, 1].entries()) {
      const Body = Buffer.alloc(size * MEBIBYTE, "x");
      const part = { Bucket, Key, UploadId, PartNumber: at + 1, Body };
      tags.push((await s3.send(new UploadPartCommand(part))).ETag);
    }
    const complete = (...numbers: number[]) => {
      const Parts = numbers.map((PartNumber) => ({ PartNumber, ETag: tags[PartNumber - 1] ?? '"none"' }));
      return s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    };
    await expect(complete(1, 1)).rejects.toMatchObject({ name: "InvalidPartOrder" });
    await expect(complete(1, 4)).rejects.toMatchObject({ name: "InvalidPart" });
    await expect(complete(1, 2, 3)).rejects.toMatchObject({ name: "EntityTooSmall" });
    await complete(1, 3);
    expect((await s3.send(new HeadObjectCommand({ Bucket, Key }))).ContentLength).toBe(7 * MEBIBYTE);
    await expect(complete(1, 3)).rejects.toMatchObject({ name: "NoSuchUpload" });
    const other = (await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "given up" }))).UploadId;
    const part = { Bucket, Key: "given up", UploadId: other, PartNumber: 1 };
    await s3.send(new UploadPartCommand({ ...part, Body: Buffer.alloc(MEBIBYTE) }));
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "given up", UploadId: other }));
    expect(await readdir(join(folder, "parts"))).toEqual(before);
    expect(await readdir(join(folder, "incoming"))).toEqual([]);
  });

  it("refuse an address that was changed after it was signed", async () => {
    const command = new PutObjectCommand({ Bucket, Key: "exact", ContentType: "text/plain", ContentLength: 3 });
    const signableHeaders = new Set(["host", "content-type", "content-length"]);
    const url = await getSignedUrl(s3, command, { expiresIn: 60, signableHeaders });
    const send = async (address: string, body: string, type = "text/plain", method = "PUT") =>
      (await fetch(address, { method, headers: { "content-type": type }, ...(method === "PUT" ? { body } : {}) }))
        .status;
    expect(await send(url.replace("/exact", "/other"), "abc")).toBe(403);
    expect(await send(url, "abcd")).toBe(403);
    expect(await send(url, "abc", "text/html")).toBe(403);
    expect(await send(url, "", "text/plain", "DELETE")).toBe(403);
    expect(await send(url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), "abc")).toBe(403);
    expect(await send(url, "abc")).toBe(200);
  });

  it("are reached by presigned addresses until these expire", async () => {
    const write = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
    expect((await fetch(write, { method: "PUT", body: "by address" })).status).toBe(200);
    const read = new GetObjectCommand({
      Bucket,
      Key: "signed",
      ResponseContentDisposition: 'attachment; filename="x"',
    });
    const address = await getSignedUrl(s3, read, { expiresIn: 60 });
    const answer = await fetch(address);
    expect(await answer.text()).toBe("by address");
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="x"');
    clock.advance(120_000);
    expect((await fetch(address)).status).toBe(403);
  });

  it("are listed page by page in byte order, grouped by a delimiter", async () => {
    const names = ["Z", "_", "a", "a1", "a_b", "aB", "é", "dir/1", "dir/2"].map((name) => `list/${name}`);
    for (const name of names) await put(name, "x");
    const seen: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "list/", MaxKeys: 2, ContinuationToken }));
      seen.push(...(page.Contents ?? []).map(({ Key }) => String(Key)));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    expect(seen).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    const grouped = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "list/", Delimiter: "/" }));
    expect(grouped.CommonPrefixes).toEqual([{ Prefix: "list/dir/" }]);
    expect(grouped.Contents).toHaveLength(7);
  });
});

describe("events of created objects", () => {
  it("are told with key, size and kind, and repeated when their handler fails", async () => {
    await server.notificationsIdle();
    records.length = 0;
    failuresLeft = 1;
    await put("told/b c.txt", "12345");
    await expect(put("told/b c.txt", "x", { IfNoneMatch: "*" })).rejects.toThrow();
    await server.notificationsIdle();
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      eventName: "ObjectCreated:Put",
      s3: { bucket: { name: Bucket }, object: { key: "told/b+c.txt", size: 5 } },
    });
  });
});

describe("queues", () => {
  it("hand a message over again until it is deleted, then move it to the dead letter queue", async () => {
    const dead = server.createQueue("dead");
    const { queueUrl: QueueUrl } = server.createQueue("work", {
      visibilityTimeout: 0,
      deadLetterQueueArn: dead.queueArn,
      maxReceiveCount: 2,
    });
    expect((await sqs.send(new GetQueueUrlCommand({ QueueName: "work" }))).QueueUrl).toBe(QueueUrl);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "poison" }));
    const receive = async (queueUrl: string) =>
      (await sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, VisibilityTimeout: 0 }))).Messages ?? [];
    expect(await receive(QueueUrl)).toHaveLength(1);
    expect(await receive(QueueUrl)).toHaveLength(1);
    expect(await receive(QueueUrl)).toHaveLength(0);
    const [message] = await receive(dead.queueUrl);
    expect(message?.Body).toBe("poison");
    const ReceiptHandle = message?.ReceiptHandle;
    await sqs.send(new DeleteMessageCommand({ QueueUrl: dead.queueUrl, ReceiptHandle }));
    expect(await receive(dead.queueUrl)).toHaveLength(0);
  });
});

it("everything is there after a restart, on another port, and settings do not empty a queue", async () => {
  const { queueUrl } = server.createQueue("kept");
  await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: "stays" }));
  await server.close();
  await start();
  const again = server.createQueue("kept", { visibilityTimeout: 5 });
  expect(again.queueUrl.startsWith(server.sqsUrl)).toBe(true);
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: again.queueUrl }));
  expect(Messages?.[0]?.Body).toBe("stays");
  expect(server.hasBucket(Bucket)).toBe(true);
  expect(await text("seen")).toBe("three");
  expect(await text("parts", { Range: `bytes=${5 * MEBIBYTE - 1}-` })).toBe("aend");
});
