import { expressionProblem } from "@weft/engine/expressions/evaluate";
import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { EVENT_STATUS, isPossible, isReserved } from "./event.types.ts";

/** EventBridge's limit on a type. */
const MAX_TYPE = 128;
const MAX_SOURCE = 256;
const MAX_KEY = 255;
/** Events of one call. */
export const MAX_BATCH = 100;
const MAX_FILTER = 2_000;
/** Patterns of one trigger or subscription. */
const MAX_PATTERNS = 20;

const PART = "[A-Za-z0-9_-]+";
const TYPE = new RegExp(`^${PART}(\\.${PART})*$`);
const PATTERN = new RegExp(`^(\\*|${PART}(\\.${PART})*(\\.\\*)?)$`);

const EventTypeName = z.string().max(MAX_TYPE).regex(TYPE, "expected words such as order.created");

/** Types that a trigger or a subscription wants: `order.created`, `order.*`, `*`. */
export const EventPatterns = z
  .array(
    z
      .string()
      .max(MAX_TYPE)
      .regex(PATTERN, "expected a type such as order.created, or order.*")
      .refine(isPossible, "there is no such event"),
  )
  .min(1)
  .max(MAX_PATTERNS)
  .meta({ description: "Types of events: `order.created`, all below a word by `order.*`, every one by `*`" });

/** JSONata over `{event}` that says whether an event is wanted. */
export const EventFilter = z
  .string()
  .min(1)
  .max(MAX_FILTER)
  .superRefine((text, check) => {
    const problem = expressionProblem("jsonata", text);
    if (problem !== undefined) check.addIssue({ code: "custom", message: problem });
  })
  .meta({ description: "JSONata over `{event}`: only events for which it holds", example: "event.data.total > 100" });

export const PostEvent = z
  .strictObject({
    type: EventTypeName.refine((type) => !isReserved(type), "events of this noun are told by the product alone"),
    data: z.record(z.string(), z.unknown()).default({}),
    /** A repeat of it from the same source within 24 hours is the same event. */
    id: z.string().min(1).max(MAX_KEY).optional(),
    source: z.string().min(1).max(MAX_SOURCE).default("api"),
    /** When it happened; now where it is left out. */
    time: z.iso.datetime().optional(),
  })
  .meta({ id: "PostEvent" });
export type PostEvent = z.output<typeof PostEvent>;

export const PostEvents = z
  .union([PostEvent, z.strictObject({ events: z.array(PostEvent).min(1).max(MAX_BATCH) })])
  .meta({ description: `One event, or up to ${MAX_BATCH} as \`events\`` });
export type PostEvents = z.output<typeof PostEvents>;

export const PostedEvents = z
  .object({
    items: z.array(
      z.object({
        id: idSchema("event"),
        type: z.string(),
        /** The event was posted before; this is it. */
        isRepeat: z.boolean(),
      }),
    ),
  })
  .meta({ id: "PostedEvents" });
export type PostedEvents = z.output<typeof PostedEvents>;

const head = {
  id: idSchema("event"),
  spaceId: idSchema("space"),
  type: z.string(),
  source: z.string(),
  time: z.iso.datetime(),
  status: z.enum(EVENT_STATUS),
  /** The run that it came of. */
  executionId: z.string().nullable(),
  error: z.string().nullable(),
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
};

/** An event as lists show it. */
export const EventHead = z.object(head).meta({ id: "EventHead" });
export type EventHead = z.output<typeof EventHead>;
export const EventPage = pageOf(EventHead).meta({ id: "EventPage" });

export const Event = z.object({ ...head, data: z.record(z.string(), z.unknown()) }).meta({ id: "Event" });
export type Event = z.output<typeof Event>;

export const ListEvents = z.object({
  type: z.string().max(MAX_TYPE).regex(PATTERN, "expected a type such as order.created, or order.*").optional(),
  status: z.enum(EVENT_STATUS).optional(),
  /** Oldest first, those after this one: to ask again and again. */
  after: idSchema("event").optional(),
  ...pageQuery,
});
export type ListEvents = z.output<typeof ListEvents>;

export const EventTypeList = z
  .object({
    items: z.array(
      z
        .object({ type: z.string(), description: z.string(), schema: z.record(z.string(), z.unknown()) })
        .meta({ id: "EventTypeInfo" }),
    ),
  })
  .meta({ id: "EventTypeList" });
export type EventTypeList = z.output<typeof EventTypeList>;
