import { text } from "@weft/http/reply";
import { type Route, route } from "@weft/http/route";
import * as z from "zod";
import { page } from "./page.ts";

const Index = z
  .object({
    name: z.string(),
    links: z.object({ documentation: z.string(), openapi: z.string(), health: z.string() }),
  })
  .meta({ id: "ApiIndex" });

const Health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });

/** Everything of the page is in the page: it fetches the document beside it and what its reader tries out, no more. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The routes that say what the API is. `document` is a function so that the generator can do without one. */
export function docsRoutes(document: () => unknown): Route[] {
  return [
    route(
      {
        method: "GET",
        path: "/",
        operationId: "getIndex",
        summary: "What this API is and where its parts are",
        tags: ["about"],
        permission: "public",
        response: Index,
      },
      async () => ({ name: "weft", links: { documentation: "docs", openapi: "openapi.json", health: "health" } }),
    ),
    route(
      {
        method: "GET",
        path: "/health",
        operationId: "getHealth",
        summary: "Whether the API answers",
        tags: ["about"],
        permission: "public",
        response: Health,
      },
      async () => ({ status: "ok" as const }),
    ),
    route(
      {
        method: "GET",
        path: "/openapi.json",
        operationId: "getOpenApi",
        summary: "The OpenAPI document",
        tags: ["about"],
        permission: "public",
        response: z.unknown(),
      },
      async () => document(),
    ),
    route(
      {
        method: "GET",
        path: "/docs",
        operationId: "getDocs",
        summary: "The API reference as a page",
        tags: ["about"],
        permission: "public",
        response: null,
        status: 200,
      },
      async () => text(page, "text/html; charset=utf-8", { headers: { "content-security-policy": PAGE_POLICY } }),
    ),
  ];
}

/** The same, for whoever lists the API's routes without serving them. */
export const routes = docsRoutes(() => ({}));
