import * as Check from "@weft/core/credential/credential.check";
import * as OAuth from "@weft/core/credential/credential.oauth";
import {
  Authorization,
  AuthorizeCredential,
  CreateCredential,
  CredentialPage,
  Credential as CredentialSchema,
  CredentialTest,
  CredentialTypeList,
  CredentialUsagePage,
  CredentialUsePage,
  CredentialVersion,
  CredentialVersionPage,
  listCredentialsQuery,
  RollbackCredential,
  RotateCredential,
  UpdateCredential,
} from "@weft/core/credential/credential.schema";
import * as Credential from "@weft/core/credential/credential.service";
import * as Usage from "@weft/core/credential/credential.usage";
import * as Versions from "@weft/core/credential/credential.versions";
import { route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { credentialDeps, sealer } from "../outbound.ts";
import { callback } from "./callback.ts";

const ALL = "/api/spaces/{spaceId}/credentials";
const ONE = `${ALL}/{credentialId}` as const;
const tags = ["credentials"] as const;
const MAX_CODE = 4_096;
const versionNumber = { credentialVersion: z.coerce.number().int().min(1).max(999_999) };

const managing = [
  route(
    {
      method: "GET",
      path: `${ALL}/types`,
      operationId: "listCredentialTypes",
      summary: "Types of credentials with the JSON Schema of their fields",
      tags,
      permission: "credential:read",
      response: CredentialTypeList,
    },
    () => ({ items: Credential.types() }),
  ),
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listCredentials",
      summary: "Credentials of a space, newest first",
      tags,
      permission: "credential:read",
      query: listCredentialsQuery,
      response: CredentialPage,
    },
    ({ ctx, query }) => Credential.list(ctx, query),
  ),
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "createCredential",
      summary: "Create a credential",
      description:
        "Its secret fields are sealed and never given back: answers show which are set, with a hint. HTTP requests of " +
        "workflows name it by `credentialId`, and it is sent to `allowedHosts` alone.",
      tags,
      permission: "credential:write",
      confidential: true,
      status: 201,
      body: CreateCredential,
      response: CredentialSchema,
      errors: ["conflict"],
    },
    ({ ctx, body }) => Credential.create(ctx, sealer, body),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getCredential",
      summary: "Get a credential without its secrets",
      tags,
      permission: "credential:read",
      response: CredentialSchema,
    },
    ({ ctx, params }) => Credential.get(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: ONE,
      operationId: "updateCredential",
      summary: "Change name, sharing, expiry and test URL",
      description: "What it holds and where it is sent change by a new version alone: see `rotateCredential`.",
      tags,
      permission: "credential:write",
      body: UpdateCredential,
      response: CredentialSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Credential.update(ctx, { ...body, ...params }),
  ),
  route(
    {
      method: "DELETE",
      path: ONE,
      operationId: "removeCredential",
      summary: "Destroy a credential with all its versions, for good",
      description: "Refused while published workflows use it, unless `force=true`.",
      tags,
      permission: "credential:write",
      query: { force: z.enum(["true", "false"]).default("false") },
      response: null,
      errors: ["conflict"],
    },
    async ({ ctx, params, query }) => {
      await Credential.remove(ctx, { ...params, force: query.force === "true" });
      return undefined;
    },
  ),
];

const versions = [
  route(
    {
      method: "POST",
      path: `${ONE}/rotate`,
      operationId: "rotateCredential",
      summary: "Give a credential a new version",
      description: "Every use from now on takes it. The version before stays until it is revoked.",
      tags,
      permission: "credential:write",
      confidential: true,
      body: RotateCredential,
      response: CredentialSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Versions.rotate(ctx, sealer, { ...body, ...params }),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/rollback`,
      operationId: "rollbackCredential",
      summary: "Take an earlier version again",
      tags,
      permission: "credential:write",
      body: RollbackCredential,
      response: CredentialSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Versions.rollback(ctx, { ...body, ...params }),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/versions`,
      operationId: "listCredentialVersions",
      summary: "Versions of a credential, newest first",
      tags,
      permission: "credential:read",
      query: pageQuery,
      response: CredentialVersionPage,
    },
    ({ ctx, params, query }) => Versions.versions(ctx, { ...query, ...params }),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/versions/{credentialVersion}/revoke`,
      operationId: "revokeCredentialVersion",
      summary: "Destroy the secret of a version that is not the current one",
      tags,
      permission: "credential:write",
      params: versionNumber,
      response: CredentialVersion,
      errors: ["conflict"],
    },
    ({ ctx, params: { credentialId, credentialVersion: version } }) => Versions.revoke(ctx, { credentialId, version }),
  ),
];

const using = [
  route(
    {
      method: "POST",
      path: `${ONE}/test`,
      operationId: "testCredential",
      summary: "Try a credential",
      description:
        "Asks its test URL, or what its type has for this. The answer says how that went and never what was answered.",
      tags,
      permission: "credential:write",
      response: CredentialTest,
    },
    ({ ctx, params }) => Check.test(ctx, credentialDeps, params),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/authorize`,
      operationId: "authorizeCredential",
      summary: "Ask for a person's consent (OAuth 2)",
      description:
        "Answers the address to open in a browser; the authorization server sends it back to `/oauth/callback`. The " +
        "address is good once, for ten minutes.",
      tags,
      permission: "credential:write",
      body: AuthorizeCredential,
      response: Authorization,
      errors: ["unprocessable"],
    },
    ({ ctx, params, body }) => OAuth.authorize(ctx, credentialDeps, { ...params, ...body }),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/workflows`,
      operationId: "listCredentialWorkflows",
      summary: "Workflows that name a credential",
      tags,
      permission: "credential:read",
      query: pageQuery,
      response: CredentialUsagePage,
    },
    ({ ctx, params, query }) => Usage.workflows(ctx, { ...query, ...params }),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/uses`,
      operationId: "listCredentialUses",
      summary: "Executions that used a credential, newest first",
      tags,
      permission: "credential:read",
      query: pageQuery,
      response: CredentialUsePage,
    },
    ({ ctx, params, query }) => Usage.uses(ctx, { ...query, ...params }),
  ),
  route(
    {
      method: "GET",
      path: "/oauth/callback",
      operationId: "completeAuthorization",
      summary: "Where an authorization server sends people back to",
      tags,
      permission: "public",
      query: {
        state: z.string().max(MAX_CODE).default(""),
        code: z.string().min(1).max(MAX_CODE).optional(),
        error: z.string().max(MAX_CODE).optional(),
        iss: z.string().max(MAX_CODE).optional(),
      },
      // Servers add parameters of their own.
      unknownFields: "strip",
      response: null,
      status: 200,
      errors: ["invalid_input", "upstream"],
    },
    ({ ctx, query }) => callback(ctx, query),
  ),
];

export const routes = [...managing, ...versions, ...using];
