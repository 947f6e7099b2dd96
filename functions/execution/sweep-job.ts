import { SWEEP_SHARDS } from "@weft/core/execution/execution.entity";
import { sweep } from "@weft/core/execution/sweep";
import { defineJob } from "@weft/core/platform/jobs";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { endDeps } from "./end-wiring.ts";

/** Sees to it that no execution is left running (architecture §3). */
export const sweepExecutions = defineJob({
  name: "sweep-executions",
  schedule: "rate(1 minute)",
  run: async ({ ctx }) => {
    const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
    return { ...(await sweep({ ...endDeps(machineArn), clock: ctx.clock }, SWEEP_SHARDS)) };
  },
});
