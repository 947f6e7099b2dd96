import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  SFNClient,
} from "@aws-sdk/client-sfn";
import type { ScaleStarted } from "./scale-stack.ts";

const ENTRY = join(import.meta.dirname, "scale-stack.ts");

/** The stack of a proof in a process of its own, with what can be asked of it from outside. */
export interface ScaleProcess {
  url: string;
  /** The most memory that the process ever had at once, in megabytes. */
  peakMb(): Promise<number>;
  /** Lanes of an execution, and the events of the one with the longest history. */
  lanesOf(executionId: string): Promise<{ lanes: number; events: number }>;
  close(): Promise<void>;
}

export async function startScaleProcess(dataDir: string, execArgv: readonly string[] = []): Promise<ScaleProcess> {
  const child = fork(ENTRY, [dataDir], { execArgv: [...execArgv], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const { url, services, machineArn } = await answered<ScaleStarted>(child);
  const states = new SFNClient({
    endpoint: services,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  return {
    url,
    peakMb: async () => {
      const answer = answered<{ peakKb: number }>(child);
      child.send("peak");
      return (await answer).peakKb / 1024;
    },
    lanesOf: (executionId) => lanesOf(states, machineArn, executionId),
    close: async () => {
      states.destroy();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    },
  };
}

/** The child's next message; an error where it ends instead. */
function answered<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null): void =>
      reject(new Error(`the stack ended (${signal ?? code})`));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message as T);
    });
  });
}

async function lanesOf(states: SFNClient, stateMachineArn: string, executionId: string) {
  const arns: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await states.send(new ListExecutionsCommand({ stateMachineArn, nextToken, maxResults: 1000 }));
    for (const { name, executionArn } of page.executions ?? []) {
      if (name?.startsWith(`${executionId}-`)) arns.push(executionArn as string);
    }
    nextToken = page.nextToken;
  } while (nextToken);
  let events = 0;
  for (const executionArn of arns) {
    const { status } = await states.send(new DescribeExecutionCommand({ executionArn }));
    if (status !== "SUCCEEDED") throw new Error(`${executionArn} is ${status}`);
    const last = new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 1 });
    events = Math.max(events, (await states.send(last)).events?.[0]?.id ?? 0);
  }
  return { lanes: arns.length, events };
}
