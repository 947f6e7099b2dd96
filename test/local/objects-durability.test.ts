import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

const ROUNDS = 5;
const WRITERS = 4;
const common = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" }, maxAttempts: 1 };

let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-objects-"));
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

async function start() {
  const script = new URL("objects-child.ts", import.meta.url).pathname;
  const given = [script, join(folder, "data"), join(folder, "log")];
  const child = spawn(process.execPath, given, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  const [endpoint = "", queueUrl = ""] = line.split(" ");
  const kill = async () => {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  const s3 = new S3Client({ ...common, endpoint, forcePathStyle: true });
  return { s3, sqs: new SQSClient({ ...common, endpoint }), queueUrl, kill };
}

it("a kill loses no stored object, no event of one and no message", async () => {
  const stored = new Set<string>();
  const sent = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const { s3, sqs, queueUrl, kill } = await start();
    const write = async (writer: number) => {
      for (let n = 0; ; n++) {
        const name = `${round}-${writer}-${n}`;
        try {
          await s3.send(new PutObjectCommand({ Bucket: "files", Key: name, Body: name, IfNoneMatch: "*" }));
          stored.add(name);
          await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: name }));
          sent.add(name);
        } catch {
          return;
        }
      }
    };
    const writing = Array.from({ length: WRITERS }, (_, writer) => write(writer));
    await sleep(120 + round * 31);
    await kill();
    await Promise.all(writing);
  }
  expect(stored.size).toBeGreaterThan(0);
  const { s3, sqs, queueUrl, kill } = await start();
  for (const Key of stored) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "files", Key }));
    expect(await Body?.transformToString()).toBe(Key);
  }
  await vi.waitFor(async () => {
    const told = new Set((await readFile(join(folder, "log"), "utf8")).split("\n"));
    expect([...stored].filter((name) => !told.has(name))).toEqual([]);
  });
  const received = new Set<string>();
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 }),
    );
    if (Messages.length === 0) break;
    for (const { Body, ReceiptHandle } of Messages) {
      received.add(String(Body));
      await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }));
    }
  }
  expect([...sent].filter((name) => !received.has(name))).toEqual([]);
  await kill();
});
