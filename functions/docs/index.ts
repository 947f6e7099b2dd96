import { defineApi } from "@weft/http/define-api";
import type { HttpServices } from "@weft/http/services";
import document from "./openapi.json" with { type: "json" };
import { docsRoutes } from "./routes.ts";

/** Every route here is public and changes nothing: none of these is ever asked. */
const services: HttpServices = {
  authorize: async () => undefined,
  audit: async () => undefined,
  idempotency: {
    begin: async () => ({ state: "in_progress" }),
    complete: async () => undefined,
    fail: async () => undefined,
  },
};

export const handler = defineApi(
  docsRoutes(() => document),
  services,
);
