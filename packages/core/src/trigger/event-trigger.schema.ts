import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { EventFilter, EventPatterns } from "../event/event.schema.ts";
import { triggerFields } from "./trigger.schema.ts";

const MAX_NAME = 255;
const MAX_DESCRIPTION = 4_000;
/** Events of runs that stand above each other, each of whose runs was started by the one before. */
export const MAX_EVENT_DEPTH = 10;
/** Runs of one space that events of runs may start in a minute: what multiplies itself ends here. */
export const MAX_CHAINED_RUNS = 600;

const fields = {
  name: z.string().trim().min(1).max(MAX_NAME),
  description: z.string().max(MAX_DESCRIPTION).default(""),
  types: EventPatterns,
  filter: EventFilter.nullable().default(null),
  isEnabled: z.boolean().default(true),
  ...triggerFields,
};

export const CreateEventTrigger = z.object(fields).meta({ id: "CreateEventTrigger" });
export type CreateEventTrigger = z.output<typeof CreateEventTrigger>;

/** Changing what it does never starts one that is off. */
export const UpdateEventTrigger = z
  .object({
    expectedRevision: z.int().min(1).optional(),
    name: fields.name.optional(),
    description: z.string().max(MAX_DESCRIPTION).optional(),
    types: EventPatterns.optional(),
    filter: EventFilter.nullable().optional(),
    isEnabled: z.boolean().optional(),
    workflowId: triggerFields.workflowId.optional(),
    version: triggerFields.version.unwrap().nullable().optional(),
    input: triggerFields.input.unwrap().nullable().optional(),
    policy: triggerFields.policy.unwrap().optional(),
  })
  .meta({ id: "UpdateEventTrigger" });
export type UpdateEventTrigger = z.output<typeof UpdateEventTrigger>;

const Trouble = z
  .object({ code: z.string(), message: z.string(), eventId: z.string(), at: z.iso.datetime() })
  .meta({ id: "EventTriggerError" });
export type Trouble = z.output<typeof Trouble>;

export const EventTrigger = z
  .object({
    id: idSchema("eventTrigger"),
    spaceId: idSchema("space"),
    name: z.string(),
    description: z.string(),
    types: z.array(z.string()),
    filter: z.string().nullable(),
    workflowId: idSchema("workflow"),
    version: z.string().nullable(),
    input: z.string().nullable(),
    policy: triggerFields.policy.unwrap(),
    isEnabled: z.boolean(),
    /** Since when it is off. */
    pausedAt: z.iso.datetime().nullable(),
    /** Where mails for it go, of one that wants `email.received`. Whoever knows it can start the workflow. */
    address: z.string().nullable(),
    lastFiredAt: z.iso.datetime().nullable(),
    lastExecutionId: z.string().nullable(),
    /** Why the last event started nothing; gone when a later one does. */
    lastError: Trouble.nullable(),
    revision: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    createdBy: z.string(),
    deletedAt: z.iso.datetime().optional(),
  })
  .meta({ id: "EventTrigger" });
export type EventTrigger = z.output<typeof EventTrigger>;
export const EventTriggerPage = pageOf(EventTrigger).meta({ id: "EventTriggerPage" });

export const ListEventTriggers = z.object({
  workflowId: idSchema("workflow").optional(),
  state: z.enum(["all", "enabled", "paused", "deleted"]).default("all"),
  ...pageQuery,
});
export type ListEventTriggers = z.output<typeof ListEventTriggers>;
