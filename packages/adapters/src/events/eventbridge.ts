import type { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import type { BusEvent, EventBus } from "@weft/core/event/event.bus";

/** EventBridge's limits on one call. */
const MAX_ENTRIES = 10;
const MAX_CALL_CHARS = 200_000;
/** Every event of the product has it; its own source is in the detail. */
const SOURCE = "weft";
/** It answers within milliseconds; nobody waits longer for what the sweeper does as well. */
const REQUEST_TIMEOUT_MS = 3_000;

/** Amazon EventBridge as the domains' bus: `name` is the bus's. */
export function eventBridge(name: string): EventBus {
  let client: EventBridgeClient | undefined;
  return {
    async put(events) {
      // Few calls tell of anything: the others start without this client.
      const sdk = await import("@aws-sdk/client-eventbridge");
      client ??= new sdk.EventBridgeClient({ requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS } });
      for (const Entries of calls(name, events)) {
        const { FailedEntryCount = 0 } = await client.send(new sdk.PutEventsCommand({ Entries }));
        if (FailedEntryCount > 0) throw new Error(`EventBridge took all but ${FailedEntryCount} events`);
      }
    },
  };
}

function calls(bus: string, events: readonly BusEvent[]) {
  const entries = events.map((event) => ({
    EventBusName: bus,
    Source: SOURCE,
    DetailType: event.type,
    Detail: JSON.stringify(event),
  }));
  const made: (typeof entries)[] = [];
  let chars = 0;
  for (const entry of entries) {
    const last = made.at(-1);
    chars += entry.Detail.length;
    if (last && last.length < MAX_ENTRIES && chars <= MAX_CALL_CHARS) {
      last.push(entry);
      continue;
    }
    made.push([entry]);
    chars = entry.Detail.length;
  }
  return made;
}
