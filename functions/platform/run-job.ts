import { invokeFunction } from "@weft/adapters/invoke/lambda";
import { JobResult } from "@weft/core/platform/job.schema";
import { knownJob } from "@weft/core/platform/jobs";
import { type Ctx, requireUser } from "@weft/kernel/ctx";
import { readEnv } from "@weft/kernel/env";
import { AppError } from "@weft/kernel/errors";
import * as z from "zod";
import { jobs } from "../manifest.ts";

const Answer = z.union([
  z.object({ result: JobResult }),
  z.object({ refused: z.object({ code: z.enum(["conflict", "not_found"]), message: z.string() }) }),
]);

/** Has a job run now by the function whose it is, for as long as the caller waits. */
export async function runJob(ctx: Ctx, name: string, maxMs: number): Promise<JobResult> {
  const { name: job } = knownJob(name);
  const { JOBS_FUNCTION, CANVAS_JOBS_FUNCTION } = readEnv({
    JOBS_FUNCTION: z.string(),
    CANVAS_JOBS_FUNCTION: z.string(),
  });
  const isOfCanvases = jobs.find((one) => one.name === job)?.function === "canvas-jobs";
  const manual = { userId: requireUser(ctx), requestId: ctx.requestId, maxMs };
  const answer = Answer.parse(
    await invokeFunction(isOfCanvases ? CANVAS_JOBS_FUNCTION : JOBS_FUNCTION, { job, manual }),
  );
  if ("result" in answer) return answer.result;
  const { code, message } = answer.refused;
  throw new AppError(code, message, { retryable: code === "conflict" });
}
