import { setTimeout as sleep } from "node:timers/promises";
import { defineApi } from "@weft/http/define-api";
import { json, text } from "@weft/http/reply";
import { type Route, route } from "@weft/http/route";
import { conflict } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { memoryServices } from "../support/services.ts";

const Widget = z.object({ id: z.string(), name: z.string() }).meta({ id: "Widget" });
const CreateWidget = z.object({
  name: z.string().min(1).max(20),
  size: z.object({ width: z.number() }).strict().optional(),
});

export const calls: unknown[] = [];

export const routes: Route[] = [
  route(
    {
      method: "GET",
      path: "/health",
      operationId: "getHealth",
      summary: "Health",
      permission: "public",
      response: z.object({ ok: z.boolean() }),
    },
    async () => ({ ok: true }),
  ),
  route(
    {
      method: "GET",
      path: "/api/spaces/{spaceId}/widgets",
      operationId: "listWidgets",
      summary: "List",
      permission: "widget:read",
      query: { ...pageQuery, tag: z.array(z.string()).optional() },
      response: pageOf(Widget),
    },
    async ({ query, ctx }) => {
      calls.push({ query, spaceId: ctx.spaceId });
      return { items: [{ id: "w1", name: "one", secret: "x" } as { id: string; name: string }], nextCursor: null };
    },
  ),
  route(
    {
      method: "POST",
      path: "/api/spaces/{spaceId}/widgets",
      operationId: "createWidget",
      summary: "Create",
      permission: "widget:write",
      body: CreateWidget,
      response: Widget,
      status: 201,
      idempotent: true,
    },
    async ({ body }) => {
      calls.push(body);
      if (body.name === "taken") throw conflict("taken", { details: { name: body.name } });
      if (body.name === "boom") throw new TypeError("secret detail of the failure");
      return { id: `w${calls.length}`, name: body.name };
    },
  ),
  route(
    {
      method: "GET",
      path: "/api/spaces/{spaceId}/widgets/{name}",
      operationId: "getWidget",
      summary: "Get",
      permission: "widget:read",
      response: Widget,
    },
    async ({ params }) => ({ id: params.spaceId, name: params.name }),
  ),
  route(
    {
      method: "DELETE",
      path: "/api/spaces/{spaceId}/widgets/{name}",
      operationId: "removeWidget",
      summary: "Remove",
      permission: "widget:write",
      response: null,
    },
    async () => undefined,
  ),
  route(
    {
      method: "POST",
      path: "/api/big",
      operationId: "big",
      summary: "Big answer",
      permission: "authenticated",
      audit: false,
      body: z.object({ text: z.string(), times: z.number().int() }),
      response: z.object({ text: z.string() }),
    },
    async ({ body }) => json({ text: body.text.repeat(body.times) }, { status: 202, headers: { "x-extra": "1" } }),
  ),
  route(
    { method: "GET", path: "/page", operationId: "getPage", summary: "Page", permission: "public", response: null },
    async () => text("<p>hi</p>", "text/html; charset=utf-8", { status: 200 }),
  ),
  route(
    {
      method: "POST",
      path: "/api/form",
      operationId: "form",
      summary: "Form",
      permission: "public",
      consumes: ["application/x-www-form-urlencoded", "text/plain", "application/octet-stream"],
      unknownFields: "strip",
      body: z.unknown(),
      response: z.object({ got: z.string() }),
    },
    async ({ body }) => ({ got: body instanceof Uint8Array ? `bytes:${body.length}` : JSON.stringify(body) }),
  ),
  route(
    {
      method: "POST",
      path: "/api/spaces/{spaceId}/stream",
      operationId: "streamThings",
      summary: "Stream",
      permission: "widget:run",
      stream: true,
      body: z.object({ fail: z.boolean().optional(), plain: z.boolean().optional() }),
      response: z.object({ plain: z.boolean() }),
    },
    async ({ body, stream }) => {
      if (body.plain) return { plain: true };
      return stream.sse(async (sse) => {
        await sse.send({ id: "1", event: "started", data: { text: "a\nb" } });
        await sleep(5);
        if (body.fail) throw conflict("lost");
        await sse.send({ data: "line1\nline2" });
      });
    },
  ),
];

export const services = memoryServices();
export const handler = defineApi(routes, services);
export const spaceId = newId("space");
export const userAuth = { actorType: "user", userId: newId("user"), sessionId: newId("session") };
