import * as Instance from "@weft/core/variable/variable.instance";
import * as Meta from "@weft/core/variable/variable.meta";
import {
  CreateVariableMeta,
  holderFields,
  instanceFields,
  listMetasQuery,
  SetInstance,
  UpdateVariableMeta,
  VariableChangePage,
  VariableInstance,
  VariableInstancePage,
  VariableMetaPage,
  VariableMeta as VariableMetaSchema,
} from "@weft/core/variable/variable.schema";
import { route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";

const METAS = "/api/spaces/{spaceId}/variable-metas";
const META = `${METAS}/{variableMetaId}` as const;
const INSTANCES = "/api/spaces/{spaceId}/variable-instances";
const tags = ["variables"] as const;

const metaRoutes = [
  route(
    {
      method: "GET",
      path: METAS,
      operationId: "listVariableMetas",
      summary: "What apps and agents declare for their users",
      tags,
      permission: "variable:read",
      query: listMetasQuery,
      response: VariableMetaPage,
    },
    ({ ctx, query }) => Meta.list(ctx, query),
  ),
  route(
    {
      method: "POST",
      path: METAS,
      operationId: "createVariableMeta",
      summary: "Declare the variables of an app's, an agent's or the space's users",
      tags,
      permission: "variable:write",
      status: 201,
      body: CreateVariableMeta,
      response: VariableMetaSchema,
      errors: ["conflict"],
    },
    ({ ctx, body }) => Meta.create(ctx, body),
  ),
  route(
    {
      method: "GET",
      path: META,
      operationId: "getVariableMeta",
      summary: "Get a declaration",
      tags,
      permission: "variable:read",
      response: VariableMetaSchema,
    },
    ({ ctx, params }) => Meta.get(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: META,
      operationId: "updateVariableMeta",
      summary: "Replace a declaration",
      tags,
      permission: "variable:write",
      body: UpdateVariableMeta,
      response: VariableMetaSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Meta.update(ctx, { ...body, ...params }),
  ),
  route(
    {
      method: "DELETE",
      path: META,
      operationId: "removeVariableMeta",
      summary: "Remove a declaration; users' values stay",
      tags,
      permission: "variable:write",
      response: null,
    },
    async ({ ctx, params }) => {
      await Meta.remove(ctx, params);
      return undefined;
    },
  ),
];

export const instanceRoutes = [
  ...metaRoutes,
  route(
    {
      method: "GET",
      path: INSTANCES,
      operationId: "listVariableInstances",
      summary: "The values that one user has",
      description: "Of an app, an agent or the space, at one connector. Without `userId` they are the caller's own.",
      tags,
      permission: "variable:read",
      query: { ...pageQuery, ...holderFields },
      response: VariableInstancePage,
    },
    ({ ctx, query: { limit, cursor, ...holder } }) =>
      Instance.list(ctx, Instance.holderOf(ctx, holder), { limit, cursor }),
  ),
  route(
    {
      method: "GET",
      path: `${INSTANCES}/value`,
      operationId: "getVariableInstance",
      summary: "One value of a user, or its default",
      tags,
      permission: "variable:read",
      query: instanceFields,
      response: VariableInstance,
      errors: ["not_found"],
    },
    ({ ctx, query: { name, ...holder } }) => Instance.get(ctx, Instance.holderOf(ctx, holder), name),
  ),
  route(
    {
      method: "PUT",
      path: `${INSTANCES}/value`,
      operationId: "setVariableInstance",
      summary: "Set one value of a user",
      tags,
      permission: "variable:write",
      body: SetInstance,
      response: VariableInstance,
      errors: ["conflict"],
    },
    ({ ctx, body: { name, value, ...holder } }) => Instance.set(ctx, Instance.holderOf(ctx, holder), { name, value }),
  ),
  route(
    {
      method: "POST",
      path: `${INSTANCES}/value/append`,
      operationId: "appendVariableInstance",
      summary: "Add an entry to a list of a user",
      tags,
      permission: "variable:write",
      idempotent: true,
      body: SetInstance,
      response: VariableInstance,
      errors: ["conflict"],
    },
    ({ ctx, body: { name, value, ...holder } }) =>
      Instance.append(ctx, Instance.holderOf(ctx, holder), { name, value }),
  ),
  route(
    {
      method: "DELETE",
      path: `${INSTANCES}/value`,
      operationId: "resetVariableInstance",
      summary: "Forget a user's value: the default holds again",
      tags,
      permission: "variable:write",
      query: instanceFields,
      response: null,
      errors: ["not_found"],
    },
    async ({ ctx, query: { name, ...holder } }) => {
      await Instance.reset(ctx, Instance.holderOf(ctx, holder), name);
      return undefined;
    },
  ),
  route(
    {
      method: "GET",
      path: `${INSTANCES}/history`,
      operationId: "listVariableInstanceChanges",
      summary: "Changes of one value of a user, newest first",
      tags,
      permission: "variable:read",
      query: { ...pageQuery, ...instanceFields },
      response: VariableChangePage,
    },
    ({ ctx, query: { limit, cursor, name, ...holder } }) =>
      Instance.history(ctx, Instance.holderOf(ctx, holder), name, { limit, cursor }),
  ),
];
