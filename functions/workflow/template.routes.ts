import { list } from "@weft/core/template/template.list";
import {
  CreateTemplate,
  CreateTemplateVersion,
  FeatureTemplate,
  listTemplatesQuery,
  PublishTemplate,
  TemplatePage,
  Template as TemplateSchema,
  TemplateVersion,
  TemplateVersionPage,
  TemplateVersionSummary,
  UpdateTemplate,
  UsedTemplate,
  UseTemplate,
} from "@weft/core/template/template.schema";
import * as Template from "@weft/core/template/template.service";
import { use } from "@weft/core/template/template.use";
import * as Version from "@weft/core/template/template.versions";
import { type Route, route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";

const templates = { tags: ["templates"] } as const;
const ALL = "/api/spaces/{spaceId}/templates";
const ONE = `${ALL}/{templateId}` as const;

const usingRoutes: Route[] = [
  route(
    {
      ...templates,
      method: "GET",
      path: ALL,
      operationId: "listTemplates",
      summary: "Templates that can be used here",
      description:
        "First those that come with the product, then those of this space, then those that other spaces show to " +
        "everybody; `source` names one of them. Words of `q` are found as the beginnings of words, without case and accents.",
      permission: "template:read",
      query: { ...listTemplatesQuery, ...pageQuery },
      response: TemplatePage,
    },
    ({ ctx, query }) => list(ctx, query),
  ),
  route(
    {
      ...templates,
      method: "GET",
      path: ONE,
      operationId: "getTemplate",
      summary: "One template",
      permission: "template:read",
      response: TemplateSchema,
    },
    ({ ctx, params }) => Template.get(ctx, params),
  ),
  route(
    {
      ...templates,
      method: "GET",
      path: `${ONE}/versions`,
      operationId: "listTemplateVersions",
      summary: "Versions of a template, latest first",
      permission: "template:read",
      query: pageQuery,
      response: TemplateVersionPage,
    },
    ({ ctx, params, query }) => Version.list(ctx, { ...params, ...query }),
  ),
  route(
    {
      ...templates,
      method: "GET",
      path: `${ONE}/versions/{version}`,
      operationId: "getTemplateVersion",
      summary: "A version with its canvases and the values that it asks for",
      permission: "template:read",
      response: TemplateVersion,
    },
    ({ ctx, params }) => Version.get(ctx, params),
  ),
  route(
    {
      ...templates,
      method: "POST",
      path: `${ONE}/instantiate`,
      operationId: "instantiateTemplate",
      summary: "Make a workflow of this space from a template",
      description:
        "`parameters` are values of the placeholders; what is left out stays as the template has it. `bindings` name " +
        "workflows of this space that take the place of those that the template would bring along. It takes the " +
        "permission to write what is made.",
      permission: "template:use",
      idempotent: true,
      status: 201,
      body: UseTemplate,
      response: UsedTemplate,
    },
    ({ ctx, params, body }) => use(ctx, { ...params, ...body }),
  ),
];

const makingRoutes: Route[] = [
  route(
    {
      ...templates,
      method: "POST",
      path: ALL,
      operationId: "createTemplate",
      summary: "Make a template from a workflow of this space, with those that it calls",
      description: "Secrets are left out. It is shown to nobody else before it is published.",
      permission: "template:write",
      idempotent: true,
      status: 201,
      body: CreateTemplate,
      response: TemplateSchema,
      errors: ["too_large"],
    },
    ({ ctx, body }) => Template.create(ctx, body),
  ),
  route(
    {
      ...templates,
      method: "PATCH",
      path: ONE,
      operationId: "updateTemplate",
      summary: "Change name, description, category and tags",
      permission: "template:write",
      body: UpdateTemplate,
      response: TemplateSchema,
    },
    ({ ctx, params, body }) => Template.update(ctx, { ...body, templateId: params.templateId }),
  ),
  route(
    {
      ...templates,
      method: "POST",
      path: `${ONE}/versions`,
      operationId: "createTemplateVersion",
      summary: "Pack the workflow again as the version that is used from now on",
      permission: "template:write",
      idempotent: true,
      status: 201,
      body: CreateTemplateVersion,
      response: TemplateVersionSummary,
      errors: ["conflict", "too_large", "unprocessable"],
    },
    ({ ctx, params, body }) => Version.create(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...templates,
      method: "POST",
      path: `${ONE}/publish`,
      operationId: "publishTemplate",
      summary: "Show a template to its space or to everybody",
      description: "To show it to everybody, and to change what everybody sees, takes `library:publish`.",
      permission: "template:publish",
      body: PublishTemplate,
      response: TemplateSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Template.publish(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...templates,
      method: "POST",
      path: `${ONE}/unpublish`,
      operationId: "unpublishTemplate",
      summary: "Take a template back; what was made of it stays",
      permission: "template:publish",
      response: TemplateSchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Template.unpublish(ctx, params),
  ),
  route(
    {
      ...templates,
      method: "DELETE",
      path: ONE,
      operationId: "removeTemplate",
      summary: "Delete a template; it can be restored",
      permission: "template:write",
      response: null,
    },
    async ({ ctx, params }) => {
      await Template.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      ...templates,
      method: "POST",
      path: `${ONE}/restore`,
      operationId: "restoreTemplate",
      summary: "Bring a deleted template back, unpublished",
      permission: "template:write",
      response: TemplateSchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Template.restore(ctx, params),
  ),
  route(
    {
      ...templates,
      method: "PUT",
      path: "/api/library/templates/{templateId}/featured",
      operationId: "featureTemplate",
      summary: "Say whether a public template is featured",
      permission: "library:feature",
      body: FeatureTemplate,
      response: TemplateSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Template.feature(ctx, { ...params, ...body }),
  ),
];

/** Templates. They are served with the workflows, whose canvases they compile. */
export const templateRoutes: readonly Route[] = [...usingRoutes, ...makingRoutes];
