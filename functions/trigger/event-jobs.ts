import { sweepEvents } from "@weft/core/event/event.tell";
import { defineJob } from "@weft/core/platform/jobs";
import { sweepDeliveries } from "@weft/core/subscription/delivery.sweep";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { eventBus } from "../bus.ts";
import { endDeps } from "../execution/end-wiring.ts";

/** Sees to it that every event is told. */
export const relayEvents = defineJob({
  name: "relay-events",
  schedule: "rate(1 minute)",
  run: async ({ ctx, deadline }) => {
    const bus = eventBus();
    if (!bus) throw new Error("EVENT_BUS is not set");
    return { ...(await sweepEvents({ bus, clock: ctx.clock }, deadline)) };
  },
});

/** Sees to it that every delivery goes on. */
export const sendDeliveries = defineJob({
  name: "send-deliveries",
  schedule: "rate(1 minute)",
  run: async ({ ctx }) => {
    const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
    return { ...(await sweepDeliveries({ ...endDeps(machineArn), clock: ctx.clock })) };
  },
});
