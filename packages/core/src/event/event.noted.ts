import type { Ctx } from "@weft/kernel/ctx";
import type { BusEvent, EventBus } from "./event.bus.ts";

/** Events of a call whose rows its transactions hold. */
const noted = new WeakMap<Ctx, BusEvent[]>();

/** Remembers an event for whoever serves the call. */
export function note(ctx: Ctx, event: BusEvent): void {
  noted.set(ctx, [...(noted.get(ctx) ?? []), event]);
}

/** The events that a call noted, once. */
export function takeNoted(ctx: Ctx): BusEvent[] {
  const events = noted.get(ctx) ?? [];
  noted.delete(ctx);
  return events;
}

/** Puts events on the bus whose rows are there. */
export async function hint(bus: EventBus, events: readonly BusEvent[]): Promise<void> {
  if (events.length === 0) return;
  // The sweeper puts on the bus again whatever did not come through.
  await bus.put(events).catch(() => undefined);
}
