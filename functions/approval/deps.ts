import { sfnMachine } from "@weft/adapters/machine/sfn";
import type { AnswerDeps } from "@weft/core/approval/approval.answer";
import { systemClock } from "@weft/kernel/clock";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";

/** What answering needs of the world: who waits is woken. */
export function deps(): AnswerDeps {
  const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
  return { machine: sfnMachine(machineArn), clock: systemClock };
}
