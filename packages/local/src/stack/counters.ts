import type { WeftServices } from "../stack.ts";

/** What the services of a stack did since its start. */
export interface Counts {
  /** DynamoDB requests by operation. */
  requests: Record<string, number>;
  dynamodb: { readRequests: number; writeRequests: number; itemsRead: number; itemsWritten: number };
  /** State transitions as AWS bills them, and executions started. */
  states: { transitions: number; executions: number };
  lambda: { invocations: number; workers: number };
}

const WRITES = new Set(["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"]);
const READS = new Set(["GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"]);

export function countsOf({ dynamo: { service: dynamo }, pool, sfn }: WeftServices): Counts {
  const requests = { ...dynamo.requests };
  const sum = (names: ReadonlySet<string>, counts: Record<string, number>): number => {
    return Object.entries(counts).reduce((total, [name, count]) => total + (names.has(name) ? count : 0), 0);
  };
  return {
    requests,
    dynamodb: {
      readRequests: sum(READS, requests),
      writeRequests: sum(WRITES, requests),
      itemsRead: sum(READS, dynamo.items),
      itemsWritten: sum(WRITES, dynamo.items),
    },
    states: { transitions: sfn.service.transitions, executions: sfn.service.started },
    lambda: pool.counts(),
  };
}
