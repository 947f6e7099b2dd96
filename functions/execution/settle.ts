import { failLane } from "@weft/core/execution/lane-failure";
import type { Context } from "aws-lambda";
import * as z from "zod";
import { executionDeps } from "./wiring.ts";

const Failure = z.object({
  spaceId: z.string(),
  executionId: z.string(),
  epoch: z.int(),
  machineArn: z.string(),
  error: z.object({ Error: z.string().optional(), Cause: z.string().optional() }).optional(),
});

/** The machine's Settle state: a lane could not go on for a reason of ours, after all its retries. */
export async function handler(event: unknown, context: Context): Promise<{ settled: boolean }> {
  const { machineArn, error, ...lane } = Failure.parse(event);
  const deps = executionDeps({ machineArn, timeLeftMs: () => context.getRemainingTimeInMillis() });
  return { settled: await failLane(deps, lane, error?.Error ?? "unknown") };
}
