import { modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";

/*
 * A gate is what a workflow's limit counts: all its runs, or those with one value of its key. Leases and waiting runs of
 * a gate are rows, never a number that a crash leaves wrong.
 *
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | RunLease | primary | table | which places of this gate are taken, by whom, until when? |
 * | RunWaiting | primary | table | who waits at this gate, in the order in which they start? |
 * | RunDedupe | primary | table | which execution did this key start? |
 */

export const RunLeaseEntity = new Entity(
  {
    model: modelOf("runlease"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      gate: { type: "string", required: true },
      slot: { type: "string", required: true },
      executionId: { type: "string", required: true },
      /** Of the execution when it was admitted: a lease of an earlier epoch is not its later one's. */
      epoch: { type: "number", required: true },
      /** Milliseconds since the epoch; past the deadline of the execution. */
      leaseUntil: { type: "number", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "workflowId", "gate"] },
        sk: { field: "sk", composite: ["slot"] },
      },
    },
  },
  ELECTRO,
);

export const RunWaitingEntity = new Entity(
  {
    model: modelOf("runwaiting"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      gate: { type: "string", required: true },
      /** The priority, turned round so that the highest comes first. */
      rank: { type: "string", required: true },
      since: { type: "string", required: true },
      executionId: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "workflowId", "gate"] },
        sk: { field: "sk", composite: ["rank", "since", "executionId"] },
      },
    },
  },
  ELECTRO,
);

export const RunDedupeEntity = new Entity(
  {
    model: modelOf("rundedupe"),
    attributes: {
      spaceId: { type: "string", required: true },
      hash: { type: "string", required: true },
      executionId: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);
