import { fileRoutes } from "./file.routes.ts";

export const routes = [...fileRoutes];
