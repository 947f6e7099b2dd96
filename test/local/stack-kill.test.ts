import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { GetExecutionHistoryCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOptions, MACHINE_ARN, makeAssembly } from "./fixture/assembly.ts";

/** A busy machine takes its time. */
const SOON = { timeout: 20_000 };

const script = fileURLToPath(new URL("./fixture/stack-child.ts", import.meta.url));
const entry = new URL("./fixture/data-handlers.ts", import.meta.url).href;
let made: Awaited<ReturnType<typeof makeAssembly>>;
let child: ChildProcess;
let stack: WeftStack | undefined;

beforeAll(async () => {
  made = await makeAssembly();
});

afterAll(async () => {
  child?.kill("SIGKILL");
  await stack?.close();
  await made.remove();
});

async function startChild(): Promise<{ url: string; endpoints: { services: string } }> {
  child = spawn(process.execPath, [script, join(made.folder, "data"), made.assembly], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line);
  throw new Error("the stack ended before it answered");
}

describe("a stack that is killed", () => {
  it("goes on with its executions and data where they stood", async () => {
    const { url, endpoints } = await startChild();
    const states = new SFNClient(clientOptions(endpoints.services));
    const start = (input: object) =>
      states.send(new StartExecutionCommand({ stateMachineArn: MACHINE_ARN, input: JSON.stringify(input) }));
    await fetch(`${url}/data/add/kept`);
    const { executionArn: waiting = "" } = await start({ name: "waiting" });
    const nameOf = async (name: string) => (await (await fetch(`${url}/data/get/${name}`)).json()) as { n: number };
    await expect.poll(async () => (await nameOf("waiting")).n, SOON).toBe(1);
    const { executionArn: running = "" } = await start({ name: "running", sleepMs: 60_000 });
    await expect.poll(async () => (await nameOf("running")).n, SOON).toBe(1);
    child.kill("SIGKILL");
    await once(child, "exit");

    stack = await startWeft({ dataDir: join(made.folder, "data"), assembly: made.assembly, entryOf: () => entry });
    const again = new SFNClient(clientOptions(stack.endpoints.services));
    await stack.advance(4_000_000);
    for (const executionArn of [waiting, running]) {
      const { events = [] } = await again.send(new GetExecutionHistoryCommand({ executionArn }));
      const lost = events.flatMap((event) => event.taskFailedEventDetails?.error ?? []);
      expect(lost).toEqual(executionArn === running ? ["Lambda.Unknown"] : []);
      expect(events.at(-1)?.type).toBe("ExecutionSucceeded");
    }
    const kept = (await (await fetch(`${stack.url}/data/get/kept`)).json()) as { n: number };
    expect(kept.n).toBe(1);
  });
});
