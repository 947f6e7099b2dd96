import "./registry.ts";
import type { JobResult } from "@weft/core/platform/job.schema";
import * as Jobs from "@weft/core/platform/job.service";
import { systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Context } from "aws-lambda";
import * as z from "zod";

/** What the schedule of a job sends. */
const Tick = z.object({ job: z.string() });

/** Time kept back to write the result before Lambda ends the function. */
const RESERVE_MS = 5_000;

/**
 * One tick of a job's schedule. A failed run is thrown after its row is written, so that the function's error alarm
 * sees it; the next tick tries again.
 */
export async function handler(event: unknown, context: Context): Promise<JobResult | null> {
  const { job } = Tick.parse(event);
  const maxMs = context.getRemainingTimeInMillis() - RESERVE_MS;
  const ctx = systemCtx("schedule", { requestId: context.awsRequestId });
  const result = await Jobs.tick(ctx, job, { maxMs });
  if (result?.status !== "failed") return result;
  throw new AppError("internal", `job ${job} failed: ${result.error?.message ?? "no reason given"}`);
}
