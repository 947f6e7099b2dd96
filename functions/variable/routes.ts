import { instanceRoutes } from "./instance.routes.ts";
import { variableRoutes } from "./variable.routes.ts";

export const routes = [...variableRoutes, ...instanceRoutes];
