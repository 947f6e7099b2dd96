import { baseAttributes, modelOf, searchAttributes, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity } from "electrodb";
import type { Sealed } from "../platform/sealer.ts";
import { type Connection, type SecretField, USAGE_SOURCE } from "./credential.schema.ts";

/*
 * Secrets themselves are in the vault (platform), under the credential's id.
 *
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Credential | primary | table | one credential; all of a space, newest first (ids sort by time) |
 * | CredentialVersion | primary | table | one version; all of a credential in their order |
 * | CredentialUsage | primary | table | which workflows name this credential? |
 * | CredentialUse | primary | table | which executions used it, newest first? |
 * | OAuthState | primary | table | what is this consent for? (both ids are in the state) |
 */

const texts = CustomAttributeType<string[]>("any");
const credentialKey = {
  spaceId: { type: "string", required: true },
  credentialId: { type: "string", required: true },
} as const;

export const CredentialEntity = new Entity(
  {
    model: modelOf("credential"),
    attributes: {
      ...credentialKey,
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      type: { type: "string", required: true, readOnly: true },
      currentVersion: { type: "number", required: true },
      /** Absent: every workflow of the space. */
      workflowIds: { type: texts },
      allowsDrafts: { type: "boolean", required: true },
      endsAt: { type: "string" },
      testUrl: { type: "string" },
      connection: { type: CustomAttributeType<Connection>("any") },
      needsReconnect: { type: "boolean" },
      lastUsedAt: { type: "string" },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["credentialId"] } },
    },
  },
  ELECTRO,
);

export const CredentialVersionEntity = new Entity(
  {
    model: modelOf("credentialversion"),
    attributes: {
      ...credentialKey,
      number: { type: "number", required: true, padding: { length: 6, char: "0" } },
      data: { type: CustomAttributeType<Record<string, unknown>>("any"), required: true },
      secrets: { type: CustomAttributeType<SecretField[]>("any"), required: true },
      allowedHosts: { type: texts, required: true },
      createdAt: { type: "string", required: true, readOnly: true },
      createdBy: { type: "string", required: true, readOnly: true },
      revokedAt: { type: "string" },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "credentialId"] },
        sk: { field: "sk", composite: ["number"] },
      },
    },
  },
  ELECTRO,
);

export const CredentialUsageEntity = new Entity(
  {
    model: modelOf("credentialusage"),
    attributes: {
      ...credentialKey,
      workflowId: { type: "string", required: true },
      source: { type: USAGE_SOURCE, required: true },
      nodeIds: { type: texts, required: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "credentialId"] },
        sk: { field: "sk", composite: ["workflowId", "source"] },
      },
    },
  },
  ELECTRO,
);

export const CredentialUseEntity = new Entity(
  {
    model: modelOf("credentialuse"),
    attributes: {
      ...credentialKey,
      executionId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      isDraft: { type: "boolean", required: true },
      version: { type: "number", required: true },
      path: { type: "string", required: true },
      usedAt: { type: "string", required: true },
      usedBy: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "credentialId"] },
        sk: { field: "sk", composite: ["executionId"] },
      },
    },
  },
  ELECTRO,
);

export const OAuthStateEntity = new Entity(
  {
    model: modelOf("oauthstate"),
    attributes: {
      ...credentialKey,
      oauthStateId: { type: "string", required: true },
      userId: { type: "string", required: true },
      version: { type: "number", required: true },
      secretHash: { type: "string", required: true },
      /** PKCE's verifier. */
      verifier: { type: CustomAttributeType<Sealed>("any"), required: true },
      redirectUri: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "oauthStateId"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);
