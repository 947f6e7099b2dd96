import type { ExecutionDeps } from "@weft/core/execution/deps";
import type { RunEvent } from "@weft/engine/run/io";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { executionDeps } from "./wiring.ts";

/** The function's own limit is 15 minutes; a run that is driven here is over or handed over long before. */
const API_TIME_MS = 290_000;
const VARIABLES = { RUN_WORKFLOW_ARN: z.string() };

/** What a run needs in a function of the API. */
export function apiDeps(onEvent?: (event: RunEvent) => void): ExecutionDeps {
  const { RUN_WORKFLOW_ARN: machineArn } = readEnv(VARIABLES);
  const until = performance.now() + API_TIME_MS;
  return executionDeps({ machineArn, timeLeftMs: () => until - performance.now(), ...(onEvent ? { onEvent } : {}) });
}
