import * as Meta from "@weft/core/model/meta.service";
import {
  CreateModelMeta,
  listMetasQuery,
  ModelMetaList,
  ModelMeta as ModelMetaSchema,
  UpdateModelMeta,
} from "@weft/core/model/model.schema";
import { route } from "@weft/http/route";

const ALL = "/api/model-catalogue";
const ONE = `${ALL}/{modelMetaId}` as const;
const tags = ["models"] as const;

export const catalogueRoutes = [
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listModelMetas",
      summary: "Models that providers offer, with what they can do and cost",
      description: "A model is made of one by its `metaId`. Prices are list prices and may be out of date.",
      tags,
      permission: "authenticated",
      query: listMetasQuery,
      response: ModelMetaList,
    },
    async ({ query }) => ({ items: await Meta.list(query) }),
  ),
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "createModelMeta",
      summary: "Add a model to the catalogue",
      tags,
      permission: "catalogue:write",
      status: 201,
      body: CreateModelMeta,
      response: ModelMetaSchema,
    },
    ({ ctx, body }) => Meta.create(ctx, body),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getModelMeta",
      summary: "Get a model of the catalogue",
      tags,
      permission: "authenticated",
      response: ModelMetaSchema,
    },
    ({ params }) => Meta.get(params),
  ),
  route(
    {
      method: "PATCH",
      path: ONE,
      operationId: "updateModelMeta",
      summary: "Change a model of the catalogue, one of the product's too",
      tags,
      permission: "catalogue:write",
      body: UpdateModelMeta,
      response: ModelMetaSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Meta.update(ctx, { ...body, ...params }),
  ),
  route(
    {
      method: "DELETE",
      path: ONE,
      operationId: "removeModelMeta",
      summary: "Delete a model that an administrator added to the catalogue",
      tags,
      permission: "catalogue:write",
      response: null,
      errors: ["conflict"],
    },
    async ({ ctx, params }) => {
      await Meta.remove(ctx, params);
      return undefined;
    },
  ),
];
