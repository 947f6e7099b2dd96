import {
  CreateEventTrigger,
  EventTriggerPage,
  EventTrigger as EventTriggerSchema,
  ListEventTriggers,
  UpdateEventTrigger,
} from "@weft/core/trigger/event-trigger.schema";
import * as EventTrigger from "@weft/core/trigger/event-trigger.service";
import { Firing } from "@weft/core/trigger/trigger.schema";
import { route } from "@weft/http/route";
import { readEnv } from "@weft/kernel/env";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";

const ALL = "/api/spaces/{spaceId}/event-triggers";
const ONE = `${ALL}/{eventTriggerId}` as const;
const tags = ["event triggers"] as const;

/** Where mails for triggers come in. */
const domain = () => readEnv({ INBOUND_DOMAIN: z.string() }).INBOUND_DOMAIN;

export const routes = [
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "createEventTrigger",
      summary: "Run a workflow at events",
      description:
        "`filter` and `input` are JSONata over `{event: {id, type, source, time, spaceId, data}}`; without `input` the " +
        "run gets the members of `event.data`. The latest published version runs, or `version`. One that wants " +
        "`email.received` has an address; mails to it start the workflow. Other processes know of it within 3 seconds.",
      tags,
      permission: "workflow:run",
      status: 201,
      body: CreateEventTrigger,
      response: EventTriggerSchema,
      errors: ["not_found", "conflict"],
    },
    ({ ctx, body }) => EventTrigger.create(ctx, domain(), body),
  ),
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listEventTriggers",
      summary: "Event triggers of a space or of one workflow, newest first",
      tags,
      permission: "workflow:read",
      query: ListEventTriggers.shape,
      response: EventTriggerPage,
      errors: ["invalid_cursor"],
    },
    ({ ctx, query }) => EventTrigger.list(ctx, domain(), query),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getEventTrigger",
      summary: "Get an event trigger, with what it did last",
      tags,
      permission: "workflow:read",
      response: EventTriggerSchema,
    },
    ({ ctx, params }) => EventTrigger.get(ctx, domain(), params),
  ),
  route(
    {
      method: "PATCH",
      path: ONE,
      operationId: "updateEventTrigger",
      summary: "Change an event trigger, turn it off or on",
      description: "A change of what it does never turns it on. What it put off is dropped when it is turned off.",
      tags,
      permission: "workflow:run",
      body: UpdateEventTrigger,
      response: EventTriggerSchema,
      errors: ["not_found", "conflict"],
    },
    ({ ctx, params, body }) => EventTrigger.update(ctx, domain(), { ...body, ...params }),
  ),
  route(
    {
      method: "DELETE",
      path: ONE,
      operationId: "removeEventTrigger",
      summary: "Delete an event trigger; it can be restored",
      tags,
      permission: "workflow:run",
      response: null,
    },
    async ({ ctx, params }) => {
      await EventTrigger.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/restore`,
      operationId: "restoreEventTrigger",
      summary: "Bring a deleted event trigger back",
      tags,
      permission: "workflow:run",
      response: EventTriggerSchema,
      errors: ["not_found", "conflict"],
    },
    ({ ctx, params }) => EventTrigger.restore(ctx, domain(), params),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/rotate-address`,
      operationId: "rotateEventTriggerAddress",
      summary: "Give an event trigger another address for mails",
      tags,
      permission: "workflow:run",
      response: EventTriggerSchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => EventTrigger.rotateAddress(ctx, domain(), params),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/firings`,
      operationId: "listEventTriggerFirings",
      summary: "Runs that an event trigger put off, newest first",
      tags,
      permission: "workflow:read",
      query: pageQuery,
      response: pageOf(Firing),
      errors: ["invalid_cursor"],
    },
    ({ ctx, params, query }) => EventTrigger.firings(ctx, { ...query, ...params }),
  ),
];
