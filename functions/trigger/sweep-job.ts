import { defineJob } from "@weft/core/platform/jobs";
import { sweepFirings } from "@weft/core/trigger/trigger.sweep";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { endDeps } from "../execution/end-wiring.ts";

/** Sees to it that every start that was put off comes. */
export const startFirings = defineJob({
  name: "start-firings",
  schedule: "rate(1 minute)",
  run: async ({ ctx }) => {
    const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
    return { ...(await sweepFirings({ ...endDeps(machineArn), clock: ctx.clock })) };
  },
});
