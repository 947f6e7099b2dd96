import { defineApi } from "@weft/http/define-api";
import { services } from "../../services.ts";
import { routes } from "./routes.ts";

export const handler = defineApi(routes, services);
