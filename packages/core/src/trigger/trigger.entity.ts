import { baseAttributes, modelOf, storedAttribute, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import type { TRIGGER_TYPE } from "@weft/engine/status";
import { CustomAttributeType, Entity } from "electrodb";
import type { TriggerPolicy } from "./trigger.schema.ts";
import { FIRING_STATUS } from "./trigger.words.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Firing | primary | table | one start that was put off |
 * | Firing | byTrigger | gsi1 | those of a trigger, newest first |
 * | Firing | due | gsi4 | those that nobody started in time; sparse, sharded |
 * | TriggerPace | primary | table | which firing gathers the events of this key; when may the next run of it start? |
 */

/** Shards of the sparse index of firings: 1,000 writes a second each. */
export const FIRING_SHARDS = 8;
/** In place of `sweepAt` when nobody has to look at the firing any more. */
export const NEVER = "-";

/** What a firing needs to know of its trigger, as it was when the event came. */
export interface FiredTrigger {
  type: (typeof TRIGGER_TYPE)[number];
  /** Of the schedule, webhook or event trigger. */
  triggerId: string;
  workflowId: string;
  version?: string;
  policy: TriggerPolicy;
}

export const FiringEntity = new Entity(
  {
    model: modelOf("firing"),
    attributes: {
      spaceId: { type: "string", required: true },
      firingId: { type: "string", required: true },
      triggerId: { type: "string", required: true },
      trigger: { type: CustomAttributeType<FiredTrigger>("any"), required: true },
      executionId: { type: "string", required: true },
      status: { type: FIRING_STATUS, required: true },
      /** The run's input. */
      input: { ...storedAttribute, required: true },
      dueAt: { type: "string", required: true },
      /** No event puts it off beyond this. */
      latestAt: { type: "string", required: true },
      /** The run that has to end before this one starts. */
      after: { type: "string" },
      /** From then on no event changes it. */
      claimedAt: { type: "string" },
      /** sys_uuid and the like, of the run. */
      system: { type: CustomAttributeType<Record<string, string>>("any") },
      events: { type: "number", required: true },
      error: { type: CustomAttributeType<{ code: string; message: string }>("any") },
      sweepShard: { type: "string", required: true },
      sweepAt: { type: "string", required: true },
      /** Lanes that were started for it: each has a name of its own. */
      lanes: { type: "number", required: true },
      ...baseAttributes,
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "firingId"] }, sk: { field: "sk", composite: [] } },
      byTrigger: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "triggerId"] },
        sk: { field: "gsi1sk", composite: ["firingId"] },
      },
      due: {
        index: "gsi4",
        condition: (attributes: { sweepAt?: string }) => attributes.sweepAt !== NEVER,
        pk: { field: "gsi4pk", composite: ["sweepShard"] },
        sk: { field: "gsi4sk", composite: ["sweepAt", "firingId"] },
      },
    },
  },
  ELECTRO,
);

export const TriggerPaceEntity = new Entity(
  {
    model: modelOf("triggerpace"),
    attributes: {
      spaceId: { type: "string", required: true },
      hash: { type: "string", required: true },
      /** The firing that gathers events. */
      firingId: { type: "string" },
      /** Milliseconds since the epoch: when the next run may start, were there no burst. */
      nextAt: { type: "number" },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);
