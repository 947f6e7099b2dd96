import { failLane } from "@weft/core/execution/lane-failure";
import * as z from "zod";
import { endDeps } from "./end-wiring.ts";

const Failure = z.object({
  spaceId: z.string(),
  executionId: z.string(),
  epoch: z.int(),
  machineArn: z.string(),
  error: z.object({ Error: z.string().optional(), Cause: z.string().optional() }).optional(),
});

/** The machine's Settle state: a lane could not go on for a reason of ours, after all its retries. */
export async function handler(event: unknown): Promise<{ settled: boolean }> {
  const { machineArn, error, ...lane } = Failure.parse(event);
  return { settled: await failLane(endDeps(machineArn), lane, error?.Error ?? "unknown") };
}
