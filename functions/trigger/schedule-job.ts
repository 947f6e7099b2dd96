import { defineJob } from "@weft/core/platform/jobs";
import { sweepSchedules } from "@weft/core/trigger/schedule.deliver";
import { scheduleDeps } from "./schedule-deps.ts";

/** Keeps EventBridge Scheduler in step with the schedules, and makes up for times that it did not deliver. */
export const syncSchedules = defineJob({
  name: "sync-schedules",
  schedule: "rate(1 minute)",
  run: async ({ ctx, deadline }) => {
    const deps = scheduleDeps({ timeLeftMs: () => deadline - ctx.clock.now(), clock: ctx.clock });
    return { ...(await sweepSchedules(deps)) };
  },
});
