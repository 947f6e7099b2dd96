import type { HttpRequest, HttpResponse } from "@weft/engine/node";
import type { Clock } from "@weft/kernel/clock";
import type { Machine } from "../execution/machine.ts";
import type { Sealer } from "../platform/sealer.ts";

/** What sending takes of the world; functions wire it. */
export interface SendDeps {
  sealer: Sealer;
  http: { request(request: HttpRequest): Promise<HttpResponse> };
}

/** What deliveries take of it. */
export interface DeliveryDeps extends SendDeps {
  machine: Machine;
  clock: Clock;
  log(message: string, data: Record<string, unknown>): void;
}
