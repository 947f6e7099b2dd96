import { join } from "node:path";
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { StackClock } from "@weft/local/clock";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { sendMessage } from "@weft/local/stack/queue-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOptions, MACHINE_ARN, makeAssembly } from "./fixture/assembly.ts";

/** A busy machine takes its time. */
const SOON = { timeout: 20_000 };

const entry = new URL("./fixture/data-handlers.ts", import.meta.url).href;
let made: Awaited<ReturnType<typeof makeAssembly>>;
let stack: WeftStack;
const clock = new StackClock();

const start = () =>
  startWeft({
    dataDir: join(made.folder, "data"),
    assembly: made.assembly,
    clock,
    entryOf: () => entry,
    env: { EXTRA: "1" },
  });

beforeAll(async () => {
  made = await makeAssembly();
  stack = await start();
});

afterAll(async () => {
  await stack.close();
  await made.remove();
});

const states = () => new SFNClient(clientOptions(stack.endpoints.services));
const startRun = (input: object) =>
  states().send(new StartExecutionCommand({ stateMachineArn: MACHINE_ARN, input: JSON.stringify(input) }));

async function get(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${stack.url}/data/${path}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const countOf = async (name: string) => (await get(`get/${name}`)).n;

describe("a stack from templates", () => {
  it("runs functions against its own services, and counts what they ask for", async () => {
    // A rate's first firing is at once; it must not fall into the counts.
    await expect.poll(() => countOf("tick"), SOON).toBe(1);
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
    await expect.poll(() => countOf("in-file"), SOON).toBe(1);
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
    await expect.poll(receive, SOON).toContain("RetriesExhausted");
    await expect(sendMessage(stack.endpoints.sqs, { QueueUrl: `${queue}-none`, MessageBody: "x" })).rejects.toThrow();
  });

  it("runs machines, whose waits pass with the clock and whose end is an event", async () => {
    const before = stack.counts().states.transitions;
    const { executionArn } = await states().send(
      new StartExecutionCommand({ stateMachineArn: MACHINE_ARN, input: '{"name":"hour"}' }),
    );
    await stack.idle();
    expect(await countOf("hour")).toBe(1);
    await stack.advance(3_599_000 - 5_000);
    expect(await countOf("hour")).toBe(1);
    await stack.advance(10_000);
    expect(await countOf("hour")).toBe(2);
    const ended = await states().send(new DescribeExecutionCommand({ executionArn }));
    expect([ended.status, ended.output]).toEqual(["SUCCEEDED", '{"n":2}']);
    expect(await countOf("SUCCEEDED")).toBe(1);
    expect(stack.counts().states.transitions - before).toBe(3);
  });

  it("a killed worker is retried by the machine, a function's own error is not", async () => {
    const slow = startRun({ name: "slow", sleepMs: 5_000 });
    await expect.poll(() => stack.pool.active, SOON).toBeGreaterThan(0);
    const [{ executionArn }] = await Promise.all([slow]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(stack.killWorker("step")).toBe(1);
    const failed = await startRun({ name: "bad", fail: true });
    await stack.idle();
    const bad = await states().send(new DescribeExecutionCommand({ executionArn: failed.executionArn }));
    expect([bad.status, bad.error]).toEqual(["FAILED", "StepError"]);
    await stack.advance(3_000);
    const history = await states().send(new GetExecutionHistoryCommand({ executionArn }));
    const failures = (history.events ?? []).flatMap((event) => event.taskFailedEventDetails?.error ?? []);
    expect(failures).toEqual(["Lambda.Unknown"]);
  });

  it("fires the schedules of the template on the clock", async () => {
    const before = Number(await countOf("tick"));
    await stack.advance(30 * 60_000);
    expect(Number(await countOf("tick")) - before).toBe(3);
  });

  it("seals with the key of the template", async () => {
    const { key } = (await get("none")) as { key: string };
    const client = new KMSClient(clientOptions(stack.endpoints.aws));
    const { Plaintext, CiphertextBlob } = await client.send(
      new GenerateDataKeyCommand({ KeyId: key, KeySpec: "AES_256" }),
    );
    const opened = await client.send(new DecryptCommand({ CiphertextBlob }));
    expect(opened.Plaintext).toEqual(Plaintext);
  });

  it("keeps its data over a restart, at other ports", async () => {
    await get("add/kept");
    await startRun({ name: "over" });
    await stack.idle();
    await stack.close();
    stack = await start();
    expect(await countOf("kept")).toBe(1);
    await stack.advance(3_700_000);
    expect(await countOf("over")).toBe(2);
  });
});
