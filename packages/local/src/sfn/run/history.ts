import type { HistoryEvent } from "./records.ts";

/** Types whose details do not have the type's own name. */
function detailsKey(type: string): string {
  if (type.endsWith("StateEntered")) return "stateEnteredEventDetails";
  if (type.endsWith("StateExited")) return "stateExitedEventDetails";
  return `${type[0]!.toLowerCase()}${type.slice(1)}EventDetails`;
}

/** An event as GetExecutionHistory answers it. */
export function makeEvent(
  id: number,
  previousEventId: number,
  timestamp: number,
  type: string,
  details: Record<string, unknown> | undefined,
): HistoryEvent {
  const event: HistoryEvent = { id, previousEventId, timestamp, type };
  if (details) event[detailsKey(type)] = details;
  return event;
}

export const NOT_TRUNCATED = { truncated: false };
