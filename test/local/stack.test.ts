import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { sendMessage } from "@weft/local/stack/queue-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serviceTemplate, stateTemplate } from "./fixture/template.ts";

const entry = new URL("./fixture/data-handlers.ts", import.meta.url).href;
let folder: string;
let stack: WeftStack;

const start = () =>
  startWeft({
    dataDir: join(folder, "data"),
    assembly: join(folder, "assembly"),
    entryOf: () => entry,
    env: { EXTRA: "1" },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-stack-"));
  const assembly = join(folder, "assembly");
  await mkdir(assembly);
  await writeFile(join(assembly, "State.template.json"), JSON.stringify(stateTemplate));
  await writeFile(join(assembly, "Services.template.json"), JSON.stringify(serviceTemplate));
  stack = await start();
});

afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

async function get(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${stack.url}/data/${path}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const countOf = async (name: string) => (await get(`get/${name}`)).n;

describe("a stack from templates", () => {
  it("runs functions against its own services, and counts what they ask for", async () => {
    const before = stack.counts().dynamodb;
    expect(await get("add/a")).toMatchObject({ n: 1, extra: "1" });
    expect(await get("add/a")).toMatchObject({ n: 2 });
    const after = stack.counts().dynamodb;
    expect(after.writeRequests - before.writeRequests).toBe(2);
    expect(after.itemsWritten - before.itemsWritten).toBe(2);
    const remote = await fetch(`${stack.endpoints.services}/_local/counts`);
    expect(await remote.json()).toMatchObject({ dynamodb: stack.counts().dynamodb });
  });

  it("calls the function that a bucket names for a new object", async () => {
    await get("put/file");
    await expect.poll(() => countOf("in-file")).toBe(1);
  });

  it("sends an event that was given up to its queue", async () => {
    stack.pool.invokeEvent("failing", '{"x":1}');
    await stack.idle();
    await stack.advance(61_000);
    const { queue } = (await get("none")) as { queue: string };
    const receive = async () => {
      const response = await fetch(stack.endpoints.sqs, {
        method: "POST",
        headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.ReceiveMessage" },
        body: JSON.stringify({ QueueUrl: queue }),
      });
      return JSON.stringify(await response.json());
    };
    await expect.poll(receive).toContain("RetriesExhausted");
    await expect(sendMessage(stack.endpoints.sqs, { QueueUrl: `${queue}-none`, MessageBody: "x" })).rejects.toThrow();
  });

  it("keeps its data over a restart, at other ports", async () => {
    await get("add/kept");
    await stack.close();
    stack = await start();
    expect(await countOf("kept")).toBe(1);
  });
});
