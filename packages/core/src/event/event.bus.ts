/** An event on its way: everything, or without its data where that is large. */
export interface BusEvent {
  id: string;
  spaceId: string;
  type: string;
  source: string;
  time: string;
  data?: unknown;
}

/**
 * What carries events to those who tell them on; implemented outside of the domains. It is a hint: the event's row is
 * there before, and what the bus loses is put on it again.
 */
export interface EventBus {
  put(events: readonly BusEvent[]): Promise<void>;
}
