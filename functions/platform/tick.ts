import type { JobResult } from "@weft/core/platform/job.schema";
import * as Jobs from "@weft/core/platform/job.service";
import { systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { idSchema } from "@weft/kernel/ids";
import type { Context } from "aws-lambda";
import * as z from "zod";

/** What the schedule of a job sends, and the API for a person who runs it now. */
const Tick = z.object({
  job: z.string(),
  manual: z.object({ userId: idSchema("user"), requestId: z.string(), maxMs: z.number() }).optional(),
});

/** What a person who runs a job is told. */
export type ManualRun = { result: JobResult } | { refused: { code: "conflict" | "not_found"; message: string } };

/** Time kept back to write the result before Lambda ends the function. */
const RESERVE_MS = 5_000;

/**
 * One tick of a job's schedule. A failed run is thrown after its row is written, so that the function's error alarm
 * sees it; the next tick tries again. A run that a person asked for is answered however it ended.
 */
export async function tickHandler(event: unknown, context: Context): Promise<JobResult | ManualRun | null> {
  const { job, manual } = Tick.parse(event);
  const maxMs = context.getRemainingTimeInMillis() - RESERVE_MS;
  if (manual) return byHand(job, { ...manual, maxMs: Math.min(maxMs, manual.maxMs) });
  const ctx = systemCtx("schedule", { requestId: context.awsRequestId });
  const result = await Jobs.tick(ctx, job, { maxMs });
  if (result?.status !== "failed") return result;
  throw new AppError("internal", `job ${job} failed: ${result.error?.message ?? "no reason given"}`);
}

async function byHand(
  job: string,
  { userId, requestId, maxMs }: NonNullable<z.output<typeof Tick>["manual"]>,
): Promise<ManualRun> {
  const ctx = systemCtx("manual", { requestId, onBehalfOf: userId });
  try {
    return { result: await Jobs.run(ctx, job, "manual", { maxMs }) };
  } catch (thrown) {
    if (!(thrown instanceof AppError) || (thrown.code !== "conflict" && thrown.code !== "not_found")) throw thrown;
    return { refused: { code: thrown.code, message: thrown.message } };
  }
}
