import { workflowRoutes } from "./workflow.routes.ts";

export const routes = [...workflowRoutes];
