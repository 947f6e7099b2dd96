import {
  CreateVariable,
  listVariablesQuery,
  SystemVariableList,
  UpdateVariable,
  VariableChangePage,
  VariablePage,
  Variable as VariableSchema,
} from "@weft/core/variable/variable.schema";
import * as Variable from "@weft/core/variable/variable.service";
import { SYSTEM_VARIABLES } from "@weft/core/variable/variable.system";
import { route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";
import { sealer } from "../outbound.ts";

const ALL = "/api/spaces/{spaceId}/variables";
const ONE = `${ALL}/{variableId}` as const;
const tags = ["variables"] as const;

export const variableRoutes = [
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listVariables",
      summary: "Variables of a space and of its workflows, newest first",
      tags,
      permission: "variable:read",
      query: listVariablesQuery,
      response: VariablePage,
    },
    ({ ctx, query }) => Variable.list(ctx, query),
  ),
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "createVariable",
      summary: "Create a variable",
      description:
        "Nodes read it as `global.name` or, of their own workflow, `workflow.name`. The value of a secret is sealed and " +
        "never given back; only HTTP requests may read it.",
      tags,
      permission: "variable:write",
      confidential: true,
      status: 201,
      body: CreateVariable,
      response: VariableSchema,
      errors: ["conflict"],
    },
    ({ ctx, body }) => Variable.create(ctx, sealer, body),
  ),
  route(
    {
      method: "GET",
      path: `${ALL}/system`,
      operationId: "listSystemVariables",
      summary: "The read-only variables of every execution",
      tags,
      permission: "variable:read",
      response: SystemVariableList,
    },
    () => ({ items: [...SYSTEM_VARIABLES] }),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getVariable",
      summary: "Get a variable",
      tags,
      permission: "variable:read",
      response: VariableSchema,
    },
    ({ ctx, params }) => Variable.get(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: ONE,
      operationId: "updateVariable",
      summary: "Change a variable's value, name or description",
      tags,
      permission: "variable:write",
      confidential: true,
      body: UpdateVariable,
      response: VariableSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Variable.update(ctx, sealer, { ...body, ...params }),
  ),
  route(
    {
      method: "DELETE",
      path: ONE,
      operationId: "removeVariable",
      summary: "Remove a variable for good",
      tags,
      permission: "variable:write",
      response: null,
    },
    async ({ ctx, params }) => {
      await Variable.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/history`,
      operationId: "listVariableChanges",
      summary: "Changes of a variable, newest first",
      tags,
      permission: "variable:read",
      query: pageQuery,
      response: VariableChangePage,
    },
    ({ ctx, params, query }) => Variable.history(ctx, { ...query, ...params }),
  ),
];
