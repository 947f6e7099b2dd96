import { SWEEP_SHARDS } from "@weft/core/execution/execution.entity";
import { sweep } from "@weft/core/execution/recover";
import { defineJob } from "@weft/core/platform/jobs";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { executionDeps } from "./wiring.ts";

/** Sees to it that no execution is left running (architecture §3). */
export const sweepExecutions = defineJob({
  name: "sweep-executions",
  schedule: "rate(1 minute)",
  run: async ({ ctx, deadline }) => {
    const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
    const deps = executionDeps({ machineArn, timeLeftMs: () => deadline - ctx.clock.now() });
    return { ...(await sweep({ ...deps, clock: ctx.clock }, SWEEP_SHARDS)) };
  },
});
