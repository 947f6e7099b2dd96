import type { ExecutionDeps } from "@weft/core/execution/deps";
import type { DeliveryDeps } from "@weft/core/subscription/subscription.deps";
import { sealer, web } from "../outbound.ts";

/** What deliveries use of the world, from what executions do. */
export function deliveryDeps({ machine, clock, log }: Pick<ExecutionDeps, "machine" | "clock" | "log">): DeliveryDeps {
  return { machine, clock, log, sealer, http: web };
}
