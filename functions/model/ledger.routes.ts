import * as Ledger from "@weft/core/model/ledger";
import {
  listRequestsQuery,
  ModelRequest,
  ModelRequestPage,
  summariseQuery,
  UsageSummary,
} from "@weft/core/model/ledger.schema";
import { route } from "@weft/http/route";

const ALL = "/api/spaces/{spaceId}/model-requests";
const tags = ["models"] as const;

export const ledgerRoutes = [
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listModelRequests",
      summary: "Calls of models, newest first",
      description:
        "Days are in UTC; without them the list covers the last seven. What was asked and answered is not kept, the rest " +
        "of a call for 180 days.",
      tags,
      permission: "usage:read",
      query: listRequestsQuery,
      response: ModelRequestPage,
      errors: ["invalid_cursor"],
    },
    ({ ctx, query }) => Ledger.list(ctx, query),
  ),
  route(
    {
      method: "GET",
      path: `${ALL}/summary`,
      operationId: "summariseModelRequests",
      summary: "What calls of models amount to: by day, model, scene or user",
      tags,
      permission: "usage:read",
      query: summariseQuery,
      response: UsageSummary,
    },
    ({ ctx, query }) => Ledger.summarise(ctx, query),
  ),
  route(
    {
      method: "GET",
      path: `${ALL}/{modelRequestId}`,
      operationId: "getModelRequest",
      summary: "Get one call of a model",
      tags,
      permission: "usage:read",
      response: ModelRequest,
    },
    ({ ctx, params }) => Ledger.get(ctx, params),
  ),
];
