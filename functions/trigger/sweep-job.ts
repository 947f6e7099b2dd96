import { defineJob } from "@weft/core/platform/jobs";
import { sweepFirings } from "@weft/core/trigger/trigger.firing";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { executionDeps } from "../execution/wiring.ts";

/** Sees to it that every start that was put off comes. */
export const startFirings = defineJob({
  name: "start-firings",
  schedule: "rate(1 minute)",
  run: async ({ ctx, deadline }) => {
    const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
    const deps = executionDeps({ machineArn, timeLeftMs: () => deadline - ctx.clock.now() });
    return { ...(await sweepFirings({ ...deps, clock: ctx.clock })) };
  },
});
