import type { ExecutionDeps } from "@weft/core/execution/deps";
import { registerToken } from "@weft/core/execution/events";
import { runState } from "@weft/core/execution/launched";
import type { LaneInput, LaneRoute } from "@weft/core/execution/machine";
import { runDelivery } from "@weft/core/subscription/delivery.run";
import { runFiring } from "@weft/core/trigger/trigger.firing";
import { log } from "@weft/http/log";
import { errorLog } from "@weft/http/respond";
import { systemClock } from "@weft/kernel/clock";
import { isId } from "@weft/kernel/ids";
import type { Context } from "aws-lambda";
import * as z from "zod";
import { deliveryDeps } from "../trigger/delivery-deps.ts";
import { askPeople } from "./ask-people.ts";
import { executionDeps } from "./wiring.ts";

const Lane = z.object({
  spaceId: z.string(),
  executionId: z.string(),
  segmentId: z.string(),
  step: z.int(),
  epoch: z.int(),
  hops: z.int(),
  machineArn: z.string(),
});
const Registration = Lane.extend({ register: z.literal(true), token: z.string(), path: z.string() });

/** The one name under which Step Functions retries a step. */
class RetryableStepError extends Error {
  override readonly name = "RetryableStepError";
}

/**
 * The machine's Step and Signal states. What a user's node does wrong ends its execution and is no error here; what goes
 * wrong with us is thrown, and Step Functions tries the step again.
 */
export async function handler(event: unknown, context: Context): Promise<LaneRoute | Record<string, never>> {
  const input = Lane.parse(event);
  const wired = executionDeps({ machineArn: input.machineArn, timeLeftMs: () => context.getRemainingTimeInMillis() });
  const deps = { ...wired, asked: askPeople(wired) };
  try {
    const registration = Registration.safeParse(event);
    if (!registration.success) return await runOne(deps, laneOf(input));
    const { epoch, path, token } = registration.data;
    await registerToken({ machine: deps.machine, clock: systemClock }, laneOf(input), epoch, path, token);
    return {};
  } catch (thrown) {
    log.error("step failed", { executionId: input.executionId, error: errorLog(thrown) });
    throw new RetryableStepError(thrown instanceof Error ? thrown.message : "step failed", { cause: thrown });
  }
}

/** A lane is of an execution, of a start that was put off, or of a delivery. */
function runOne(deps: ExecutionDeps, lane: LaneInput): Promise<LaneRoute> {
  if (isId("firing", lane.executionId)) return runFiring(deps, lane);
  if (isId("delivery", lane.executionId)) return runDelivery(deliveryDeps(deps), lane);
  return runState(deps, lane);
}

function laneOf({ spaceId, executionId, segmentId, step, epoch, hops }: LaneInput): LaneInput {
  return { spaceId, executionId, segmentId, step, epoch, hops };
}
