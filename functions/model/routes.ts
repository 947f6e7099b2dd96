import { catalogueRoutes } from "./catalogue.routes.ts";
import { entityRoutes } from "./entity.routes.ts";
import { ledgerRoutes } from "./ledger.routes.ts";
import { platformRoutes, spaceRoutes } from "./model.routes.ts";

export const routes = [...spaceRoutes, ...entityRoutes, ...ledgerRoutes, ...catalogueRoutes, ...platformRoutes];
