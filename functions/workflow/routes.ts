import { copyRoutes } from "./copy.routes.ts";
import { debugRoutes } from "./debug.routes.ts";
import { executionRoutes } from "./execution.routes.ts";
import { historyRoutes } from "./history.routes.ts";
import { libraryRoutes } from "./library.routes.ts";
import { templateRoutes } from "./template.routes.ts";
import { workflowRoutes } from "./workflow.routes.ts";

export const routes = [
  ...workflowRoutes,
  ...historyRoutes,
  ...libraryRoutes,
  ...copyRoutes,
  ...templateRoutes,
  ...executionRoutes,
  ...debugRoutes,
];
