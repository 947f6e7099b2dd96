import { providers } from "@weft/core/model/connection.split";
import * as Check from "@weft/core/model/model.check";
import {
  CreateModel,
  listModelsQuery,
  ModelPage,
  ModelProviderList,
  Model as ModelSchema,
  ModelTest,
  UpdateModel,
} from "@weft/core/model/model.schema";
import * as Model from "@weft/core/model/model.service";
import { route } from "@weft/http/route";
import { modelDeps } from "../model-deps.ts";
import { sealer } from "../outbound.ts";

const SPACE = "/api/spaces/{spaceId}/models";
const IN_SPACE = `${SPACE}/{modelId}` as const;
const PLATFORM = "/api/platform/models";
const ON_PLATFORM = `${PLATFORM}/{modelId}` as const;
const tags = ["models"] as const;

const SEALED =
  "The secrets of its connection are sealed and never given back: answers show which are set, with a hint.";
const TEST =
  "A tiny call, which costs what such a call costs. The answer says how that went and never what the model said.";

export const spaceRoutes = [
  route(
    {
      method: "GET",
      path: `${SPACE}/providers`,
      operationId: "listModelProviders",
      summary: "Providers of models with the JSON Schema of their connections",
      tags,
      permission: "model:read",
      response: ModelProviderList,
    },
    () => ({ items: providers() }),
  ),
  route(
    {
      method: "GET",
      path: SPACE,
      operationId: "listModels",
      summary: "Models of a space, newest first, and then those of the platform",
      tags,
      permission: "model:read",
      query: listModelsQuery,
      response: ModelPage,
    },
    ({ ctx, query }) => Model.list(ctx, query),
  ),
  route(
    {
      method: "POST",
      path: SPACE,
      operationId: "createModel",
      summary: "Create a model",
      description: SEALED,
      tags,
      permission: "model:write",
      confidential: true,
      status: 201,
      body: CreateModel,
      response: ModelSchema,
      errors: ["conflict"],
    },
    ({ ctx, body }) => Model.create(ctx, sealer, body),
  ),
  route(
    {
      method: "GET",
      path: IN_SPACE,
      operationId: "getModel",
      summary: "Get a model of the space or of the platform",
      tags,
      permission: "model:read",
      response: ModelSchema,
    },
    ({ ctx, params }) => Model.getVisible(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: IN_SPACE,
      operationId: "updateModel",
      summary: "Change a model",
      description:
        "A connection is replaced as a whole, with its secrets: a key stays with the address it was given for.",
      tags,
      permission: "model:write",
      confidential: true,
      body: UpdateModel,
      response: ModelSchema,
      errors: ["conflict"],
    },
    ({ ctx, params: { modelId }, body }) => Model.update(ctx, sealer, { ...body, modelId }),
  ),
  route(
    {
      method: "DELETE",
      path: IN_SPACE,
      operationId: "removeModel",
      summary: "Delete a model and destroy its secrets, for good",
      tags,
      permission: "model:write",
      response: null,
    },
    async ({ ctx, params }) => {
      await Model.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      method: "POST",
      path: `${IN_SPACE}/test`,
      operationId: "testModel",
      summary: "Try a model",
      description: TEST,
      tags,
      permission: "model:write",
      response: ModelTest,
    },
    ({ ctx, params }) => Check.test(ctx, modelDeps, params),
  ),
];

export const platformRoutes = [
  route(
    {
      method: "GET",
      path: PLATFORM,
      operationId: "listPlatformModels",
      summary: "Models of the platform, newest first",
      tags,
      permission: "catalogue:read",
      query: listModelsQuery,
      response: ModelPage,
    },
    ({ ctx, query }) => Model.list(ctx, query),
  ),
  route(
    {
      method: "POST",
      path: PLATFORM,
      operationId: "createPlatformModel",
      summary: "Create a model that every space sees",
      description: `${SEALED} A connection to Amazon Bedrock may use the platform's own role.`,
      tags,
      permission: "catalogue:write",
      confidential: true,
      status: 201,
      body: CreateModel,
      response: ModelSchema,
      errors: ["conflict"],
    },
    ({ ctx, body }) => Model.create(ctx, sealer, body),
  ),
  route(
    {
      method: "GET",
      path: ON_PLATFORM,
      operationId: "getPlatformModel",
      summary: "Get a model of the platform",
      tags,
      permission: "catalogue:read",
      response: ModelSchema,
    },
    ({ ctx, params }) => Model.get(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: ON_PLATFORM,
      operationId: "updatePlatformModel",
      summary: "Change a model of the platform",
      tags,
      permission: "catalogue:write",
      confidential: true,
      body: UpdateModel,
      response: ModelSchema,
      errors: ["conflict"],
    },
    ({ ctx, params: { modelId }, body }) => Model.update(ctx, sealer, { ...body, modelId }),
  ),
  route(
    {
      method: "DELETE",
      path: ON_PLATFORM,
      operationId: "removePlatformModel",
      summary: "Delete a model of the platform and destroy its secrets, for good",
      tags,
      permission: "catalogue:write",
      response: null,
    },
    async ({ ctx, params }) => {
      await Model.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      method: "POST",
      path: `${ON_PLATFORM}/test`,
      operationId: "testPlatformModel",
      summary: "Try a model of the platform",
      description: TEST,
      tags,
      permission: "catalogue:write",
      response: ModelTest,
    },
    ({ ctx, params }) => Check.test(ctx, modelDeps, params),
  ),
];
