import { executionRoutes } from "./execution.routes.ts";
import { workflowRoutes } from "./workflow.routes.ts";

export const routes = [...workflowRoutes, ...executionRoutes];
