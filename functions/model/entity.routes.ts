import * as Defaults from "@weft/core/model/defaults.service";
import {
  CreateModelEntity,
  listModelEntitiesQuery,
  ModelEntity,
  ModelEntityPage,
  UpdateModelEntity,
} from "@weft/core/model/model.schema";
import { route } from "@weft/http/route";

const ALL = "/api/spaces/{spaceId}/model-entities";
const ONE = `${ALL}/{modelEntityId}` as const;
const tags = ["models"] as const;

export const entityRoutes = [
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listModelEntities",
      summary: "Named defaults of a space, newest first",
      tags,
      permission: "model:read",
      query: listModelEntitiesQuery,
      response: ModelEntityPage,
    },
    ({ ctx, query }) => Defaults.list(ctx, query),
  ),
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "createModelEntity",
      summary: "Name a model with its parameters and fallbacks for a scenario",
      description: "Calls may give its id in place of a model's: what it stands for changes in one place.",
      tags,
      permission: "model:write",
      status: 201,
      body: CreateModelEntity,
      response: ModelEntity,
      errors: ["conflict", "not_found"],
    },
    ({ ctx, body }) => Defaults.create(ctx, body),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getModelEntity",
      summary: "Get a named default",
      tags,
      permission: "model:read",
      response: ModelEntity,
    },
    ({ ctx, params }) => Defaults.get(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: ONE,
      operationId: "updateModelEntity",
      summary: "Change what a name stands for",
      tags,
      permission: "model:write",
      body: UpdateModelEntity,
      response: ModelEntity,
      errors: ["conflict"],
    },
    ({ ctx, params: { modelEntityId }, body }) => Defaults.update(ctx, { ...body, modelEntityId }),
  ),
  route(
    {
      method: "DELETE",
      path: ONE,
      operationId: "removeModelEntity",
      summary: "Delete a named default",
      tags,
      permission: "model:write",
      response: null,
    },
    async ({ ctx, params }) => {
      await Defaults.remove(ctx, params);
      return undefined;
    },
  ),
];
