import { type Delivered, deliver } from "@weft/core/trigger/schedule.deliver";
import { log } from "@weft/http/log";
import { idSchema } from "@weft/kernel/ids";
import type { Context } from "aws-lambda";
import * as z from "zod";
import { runDeps } from "./schedule-deps.ts";

/** What a schedule of EventBridge sends. */
const Delivery = z.object({
  spaceId: idSchema("space"),
  scheduleId: idSchema("schedule"),
  scheduledTime: z.iso.datetime(),
  generation: z.int(),
});

/** EventBridge Scheduler says that a time of a user's schedule has come, at least once each. */
export async function handler(event: unknown, context: Context): Promise<Delivered> {
  const delivery = Delivery.parse(event);
  const deps = runDeps({ timeLeftMs: () => context.getRemainingTimeInMillis() });
  const delivered = await deliver(deps, delivery);
  if (delivered.status === "ignored") log.info("a time of a schedule started nothing", { ...delivery, ...delivered });
  return delivered;
}
