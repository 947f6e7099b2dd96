import { eventBridge } from "@weft/adapters/events/eventbridge";
import type { EventBus } from "@weft/core/event/event.bus";
import { hint, takeNoted } from "@weft/core/event/event.noted";
import type { Ctx } from "@weft/kernel/ctx";

let made: EventBus | undefined;

/** The bus of this deployment, for functions that have the grant `events`; undefined in the others. */
export function eventBus(): EventBus | undefined {
  const name = process.env.EVENT_BUS;
  if (name === undefined) return undefined;
  made ??= eventBridge(name);
  return made;
}

/** Puts on the bus what the transactions of a call have told of; what a function without a bus leaves, the sweeper does. */
export async function tellNoted(ctx: Ctx): Promise<void> {
  const bus = eventBus();
  const events = takeNoted(ctx);
  if (bus) await hint(bus, events);
}
