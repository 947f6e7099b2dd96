import { accountRoutes } from "./account.routes.ts";
import { adminRoutes } from "./admin.routes.ts";
import { spaceRoutes } from "./space.routes.ts";

export const routes = [...accountRoutes, ...spaceRoutes, ...adminRoutes];
