import { failLane } from "@weft/core/execution/lane-failure";
import { log } from "@weft/http/log";
import { readEnv } from "@weft/kernel/env";
import type { EventBridgeEvent } from "aws-lambda";
import * as z from "zod";
import { endDeps } from "./end-wiring.ts";

const Detail = z.object({ name: z.string(), status: z.string(), input: z.string().nullish() });
const Lane = z.object({ spaceId: z.string(), executionId: z.string(), epoch: z.int() });

/** EventBridge tells that a lane failed, timed out or was stopped: a hint, the sweeper is the guarantee. */
export async function handler(event: EventBridgeEvent<string, unknown>): Promise<void> {
  const detail = Detail.parse(event.detail);
  const lane = Lane.safeParse(parse(detail.input));
  if (!lane.success) {
    log.warn("a lane ended whose input cannot be read", { name: detail.name, status: detail.status });
    return;
  }
  const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
  await failLane(endDeps(machineArn), lane.data, detail.status);
}

function parse(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
