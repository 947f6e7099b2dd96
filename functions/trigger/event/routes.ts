import { routes as events } from "./event.routes.ts";
import { routes as subscriptions } from "./subscription.routes.ts";
import { routes as triggers } from "./trigger.routes.ts";

export const routes = [...events, ...triggers, ...subscriptions];
