import { baseAttributes, modelOf, searchAttributes, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity } from "electrodb";
import {
  type CatchUp,
  FIRING_SOURCE,
  OVERLAP,
  SCHEDULE_FIRING_STATUS,
  type ScheduleError,
  type ScheduleWhen,
} from "./schedule.schema.ts";
import { NEVER } from "./trigger.entity.ts";
import type { TriggerPolicy } from "./trigger.schema.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Schedule | primary | table | one schedule; all of a space, newest first (ids sort by time) |
 * | Schedule | byWorkflow | gsi1 | which schedules run this workflow? |
 * | Schedule | due | gsi4 | those out of step with EventBridge, or whose time passed without a firing; sparse, sharded |
 * | ScheduleFiring | primary | table | what came of each nominal time of a schedule, by time |
 */

/** Shards of the sparse index of schedules. */
export const SCHEDULE_SHARDS = 8;

export const ScheduleEntity = new Entity(
  {
    model: modelOf("schedule"),
    attributes: {
      spaceId: { type: "string", required: true },
      scheduleId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      version: { type: "string" },
      input: { type: "string" },
      policy: { type: CustomAttributeType<TriggerPolicy>("any"), required: true },
      when: { type: CustomAttributeType<ScheduleWhen>("any"), required: true },
      timezone: { type: "string", required: true },
      start: { type: "string" },
      end: { type: "string" },
      windowMinutes: { type: "number" },
      overlap: { type: OVERLAP, required: true },
      catchUp: { type: CustomAttributeType<CatchUp>("any"), required: true },
      /** What a rate counts from. */
      anchorAt: { type: "string" },
      /** Every nominal time up to here is dealt with. */
      cursorAt: { type: "string", required: true },
      /** Counts the definitions that EventBridge is given; a delivery of an earlier one starts nothing. */
      generation: { type: "number", required: true },
      /** The generation that EventBridge has. */
      syncedGeneration: { type: "number" },
      pausedAt: { type: "string" },
      pausedBy: { type: "string" },
      lastNominalAt: { type: "string" },
      lastFiredAt: { type: "string" },
      /** The run that the overlap policy looks at, and the key of its firing. */
      lastExecutionId: { type: "string" },
      lastFiring: { type: CustomAttributeType<{ at: string; executionId: string }>("any") },
      lastError: { type: CustomAttributeType<ScheduleError>("any") },
      sweepShard: { type: "string", required: true },
      sweepAt: { type: "string", required: true },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["scheduleId"] } },
      byWorkflow: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "gsi1sk", composite: ["scheduleId"] },
      },
      due: {
        index: "gsi4",
        condition: (attributes: { sweepAt?: string }) => attributes.sweepAt !== NEVER,
        pk: { field: "gsi4pk", composite: ["sweepShard"] },
        sk: { field: "gsi4sk", composite: ["sweepAt", "scheduleId"] },
      },
    },
  },
  ELECTRO,
);

export const ScheduleFiringEntity = new Entity(
  {
    model: modelOf("schedulefiring"),
    attributes: {
      spaceId: { type: "string", required: true },
      scheduleId: { type: "string", required: true },
      at: { type: "string", required: true },
      /** Of the run that it starts: made of the schedule and the nominal time. */
      executionId: { type: "string", required: true },
      source: { type: FIRING_SOURCE, required: true },
      status: { type: SCHEDULE_FIRING_STATUS, required: true },
      workflowId: { type: "string", required: true },
      startsAt: { type: "string", required: true },
      /** The run before, which has to end first. */
      after: { type: "string" },
      /** The run before, which has to make way. */
      cancels: { type: "string" },
      /** The run that there is, where it is another one's. */
      startedId: { type: "string" },
      count: { type: "number", required: true },
      error: { type: CustomAttributeType<{ code: string; message: string }>("any") },
      createdAt: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "scheduleId"] },
        sk: { field: "sk", composite: ["at", "executionId"] },
      },
    },
  },
  ELECTRO,
);
