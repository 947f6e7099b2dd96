import { eventBridgeTimer } from "@weft/adapters/scheduler/eventbridge";
import type { ScheduleDeps } from "@weft/core/trigger/schedule.sync";
import type { Clock } from "@weft/kernel/clock";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { executionDeps } from "../execution/wiring.ts";

/** What a function that starts runs of schedules needs. */
export function runDeps(options: { timeLeftMs(): number; clock?: Clock }): ScheduleDeps["execution"] {
  const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
  const deps = executionDeps({ machineArn, timeLeftMs: options.timeLeftMs });
  return options.clock ? { ...deps, clock: options.clock } : deps;
}

/** The same with the schedules of EventBridge. */
export function scheduleDeps(options: { timeLeftMs(): number; clock?: Clock }): ScheduleDeps {
  const text = z.string().min(1);
  const env = readEnv({
    SCHEDULE_GROUP: text,
    SCHEDULE_ROLE_ARN: text,
    SCHEDULE_TARGET_ARN: text,
    SCHEDULE_QUEUE_ARN: text,
  });
  const timer = eventBridgeTimer({
    group: env.SCHEDULE_GROUP,
    roleArn: env.SCHEDULE_ROLE_ARN,
    targetArn: env.SCHEDULE_TARGET_ARN,
    queueArn: env.SCHEDULE_QUEUE_ARN,
  });
  return { execution: runDeps(options), timer };
}
