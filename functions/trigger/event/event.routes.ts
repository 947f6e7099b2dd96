import {
  EventPage,
  Event as EventSchema,
  EventTypeList,
  ListEvents,
  PostEvents,
  PostedEvents,
} from "@weft/core/event/event.schema";
import * as Event from "@weft/core/event/event.service";
import { route } from "@weft/http/route";
import { eventBus } from "../../bus.ts";

const ALL = "/api/spaces/{spaceId}/events";
const tags = ["events"] as const;

export const routes = [
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "postEvents",
      summary: "Tell of events",
      description:
        "Event triggers and subscriptions that want them are told, each once, in no promised order. An event with the " +
        "`id` of an earlier one of its `source` is that one for 24 hours.",
      tags,
      permission: "event:write",
      audit: false,
      status: 202,
      body: PostEvents,
      response: PostedEvents,
      errors: ["too_large"],
    },
    ({ ctx, body }) => Event.post(ctx, eventBus(), body),
  ),
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listEvents",
      summary: "Events of the last seven days, newest first",
      description:
        "With `after`, those after an event, oldest first. Of the product's own events those are kept that somebody listened for.",
      tags,
      permission: "event:read",
      query: ListEvents.shape,
      response: EventPage,
      errors: ["invalid_cursor"],
    },
    ({ ctx, query }) => Event.list(ctx, query),
  ),
  route(
    {
      method: "GET",
      path: `${ALL}/types`,
      operationId: "listEventTypes",
      summary: "Types of events that the product tells of, with the JSON Schema of their data",
      tags,
      permission: "event:read",
      response: EventTypeList,
    },
    () => Event.types(),
  ),
  route(
    {
      method: "GET",
      path: `${ALL}/{eventId}`,
      operationId: "getEvent",
      summary: "Get an event with its data",
      tags,
      permission: "event:read",
      response: EventSchema,
    },
    ({ ctx, params }) => Event.get(ctx, params),
  ),
];
