import type { Input } from "./types.ts";

/** How many items a request reads or writes; a query counts those it gave back. */
export function itemsOf(operation: string, input: Input, result: unknown): number {
  switch (operation) {
    case "GetItem":
    case "PutItem":
    case "UpdateItem":
    case "DeleteItem":
      return 1;
    case "TransactWriteItems":
    case "TransactGetItems":
      return lengthOf(input.TransactItems);
    case "BatchWriteItem":
      return Object.values(input.RequestItems ?? {}).reduce((sum, list) => sum + lengthOf(list), 0);
    case "BatchGetItem":
      return Object.values(input.RequestItems ?? {}).reduce((sum, one) => sum + lengthOf((one as Input).Keys), 0);
    default:
      return Number((result as { Count?: unknown })?.Count ?? 0);
  }
}

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}
