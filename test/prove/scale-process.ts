import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import {
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SFNClient,
} from "@aws-sdk/client-sfn";
import { StackProcess } from "./stack-process.ts";

/** The stack of a proof as `npm start` runs it, with what can be asked of its process and machine from outside. */
export class ScaleProcess extends StackProcess {
  /** The most memory that the process, with all its threads, had at once, in megabytes; what it has now where no file says. */
  async peakMb(): Promise<number> {
    const { pid } = this.runtime();
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => undefined);
    const peak = status && /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (peak) return Number(peak) / 1024;
    const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
    return Number(stdout) / 1024;
  }

  /** How many lanes an execution had, and the events of the one with the longest history. */
  async lanesOf(executionId: string): Promise<{ lanes: number; events: number }> {
    const states = new SFNClient({
      endpoint: this.runtime().endpoints.services,
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    try {
      const { stateMachines = [] } = await states.send(new ListStateMachinesCommand({}));
      const arns: string[] = [];
      for (const { stateMachineArn } of stateMachines) {
        arns.push(...(await namedAfter(states, stateMachineArn as string, executionId)));
      }
      let events = 0;
      for (const executionArn of arns) {
        const last = new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 1 });
        events = Math.max(events, (await states.send(last)).events?.[0]?.id ?? 0);
      }
      return { lanes: arns.length, events };
    } finally {
      states.destroy();
    }
  }
}

async function namedAfter(states: SFNClient, stateMachineArn: string, executionId: string): Promise<string[]> {
  const arns: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await states.send(new ListExecutionsCommand({ stateMachineArn, nextToken, maxResults: 1000 }));
    for (const { name = "", executionArn = "" } of page.executions ?? []) {
      if (name.startsWith(`${executionId}-`)) arns.push(executionArn);
    }
    nextToken = page.nextToken;
  } while (nextToken);
  return arns;
}
