import { isHostPattern } from "@weft/engine/http/hosts";
import { type Id, idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";

const MAX_NAME = 255;
const MAX_DESCRIPTION = 4_000;
const MAX_HOSTS = 50;
/** What one row holds of them without trouble. */
const MAX_SHARED = 200;

/** unconnected: nobody has agreed yet. reconnect: its tokens were refused for good. expired: its time is over. */
export const CREDENTIAL_STATUS = ["ready", "unconnected", "reconnect", "expired"] as const;
export const USAGE_SOURCE = ["draft", "published"] as const;

const Name = z.string().trim().min(1).max(MAX_NAME);
const Description = z.string().max(MAX_DESCRIPTION);
const Data = z.record(z.string().max(100), z.unknown()).meta({ description: "The fields of its type" });
const AllowedHosts = z
  .array(z.string().refine(isHostPattern, "expected a host such as api.example.com, *.example.com or http://host:8080"))
  .min(1)
  .max(MAX_HOSTS)
  .meta({
    description:
      "The only hosts that it is sent to, at each redirect too. A pattern means HTTPS unless it says `http://`; " +
      "`*.example.com` is every name below example.com, `*` every host over HTTPS.",
  });
const WorkflowIds = z
  .array(idSchema("workflow"))
  .max(MAX_SHARED)
  .nullable()
  .meta({ description: "The workflows that may use it; null for every workflow of the space" });
const AllowsDrafts = z
  .boolean()
  .meta({ description: "Whether runs of drafts may use it as well as those of versions" });
const ExpiresAt = z.iso.datetime().nullable().meta({ description: "From then on it is refused" });
const TestUrl = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .nullable()
  .meta({ description: "What a test call asks for, by GET" });

export const CreateCredential = z
  .object({
    name: Name,
    description: Description.default(""),
    type: z.string().max(64),
    data: Data,
    allowedHosts: AllowedHosts.optional(),
    workflowIds: WorkflowIds.default(null),
    allowsDrafts: AllowsDrafts.default(true),
    expiresAt: ExpiresAt.default(null),
    testUrl: TestUrl.default(null),
  })
  .meta({ id: "CreateCredential" });
export type CreateCredential = z.output<typeof CreateCredential>;

/** Where it is sent and what it holds change together, by a new version: nobody sends a secret elsewhere without having it. */
export const UpdateCredential = z
  .object({
    expectedRevision: z.int().min(1).optional(),
    name: Name.optional(),
    description: Description.optional(),
    workflowIds: WorkflowIds.optional(),
    allowsDrafts: AllowsDrafts.optional(),
    expiresAt: ExpiresAt.optional(),
    testUrl: TestUrl.optional(),
  })
  .meta({ id: "UpdateCredential" });
export type UpdateCredential = z.output<typeof UpdateCredential>;

export const RotateCredential = z
  .object({
    expectedRevision: z.int().min(1).optional(),
    data: Data,
    /** Left out, those of the version before. */
    allowedHosts: AllowedHosts.optional(),
  })
  .meta({ id: "RotateCredential" });
export type RotateCredential = z.output<typeof RotateCredential>;

export const RollbackCredential = z
  .object({ expectedRevision: z.int().min(1).optional(), version: z.int().min(1) })
  .meta({ id: "RollbackCredential" });
export type RollbackCredential = z.output<typeof RollbackCredential>;

const SecretField = z
  .object({
    field: z.string(),
    /** Its last characters where it is long, the names in it where it holds several. */
    hint: z.string(),
  })
  .meta({ id: "CredentialSecretField" });
export type SecretField = z.output<typeof SecretField>;

const Connection = z
  .object({ connectedAt: z.string(), expiresAt: z.string().nullable(), scopes: z.array(z.string()) })
  .meta({ id: "CredentialConnection" });
export type Connection = z.output<typeof Connection>;

export const Credential = z
  .object({
    id: idSchema("credential"),
    spaceId: idSchema("space"),
    name: z.string(),
    description: z.string(),
    type: z.string(),
    status: z.enum(CREDENTIAL_STATUS),
    version: z.int(),
    /** The fields that are not secret. */
    data: z.record(z.string(), z.unknown()),
    /** The secret fields that are set. */
    secrets: z.array(SecretField),
    allowedHosts: z.array(z.string()),
    workflowIds: z.array(idSchema("workflow")).nullable(),
    allowsDrafts: z.boolean(),
    expiresAt: z.string().nullable(),
    testUrl: z.string().nullable(),
    /** Of an OAuth 2 credential that has tokens. */
    connection: Connection.nullable(),
    lastUsedAt: z.string().nullable(),
    revision: z.int(),
    createdAt: z.string(),
    updatedAt: z.string(),
    createdBy: z.string(),
  })
  .meta({ id: "Credential" });
export type Credential = z.output<typeof Credential>;
export const CredentialPage = pageOf(Credential).meta({ id: "CredentialPage" });

export const listCredentialsQuery = {
  ...pageQuery,
  q: z.string().max(200).optional(),
  type: z.string().max(64).optional(),
};
export type ListCredentials = z.output<z.ZodObject<typeof listCredentialsQuery>>;

export const CredentialVersion = z
  .object({
    version: z.int(),
    status: z.enum(["active", "revoked"]),
    isCurrent: z.boolean(),
    data: z.record(z.string(), z.unknown()),
    secrets: z.array(SecretField),
    allowedHosts: z.array(z.string()),
    createdAt: z.string(),
    createdBy: z.string(),
    revokedAt: z.string().nullable(),
  })
  .meta({ id: "CredentialVersion" });
export type CredentialVersion = z.output<typeof CredentialVersion>;
export const CredentialVersionPage = pageOf(CredentialVersion).meta({ id: "CredentialVersionPage" });

export const CredentialTypeInfo = z
  .object({
    type: z.string(),
    title: z.string(),
    description: z.string(),
    /** JSON Schema of `data`; sealed fields are `writeOnly`. */
    schema: z.record(z.string(), z.unknown()),
    secrets: z.array(z.string()),
    /** Whether HTTP requests can carry it. */
    isForHttp: z.boolean(),
    /** Whether a person has to agree before it can be used. */
    needsConsent: z.boolean(),
  })
  .meta({ id: "CredentialType" });
export type CredentialTypeInfo = z.output<typeof CredentialTypeInfo>;
export const CredentialTypeList = z.object({ items: z.array(CredentialTypeInfo) }).meta({ id: "CredentialTypeList" });

export const CredentialUsage = z
  .object({
    workflowId: idSchema("workflow"),
    /** Whether its draft or its latest published version uses it. */
    source: z.enum(USAGE_SOURCE),
    nodeIds: z.array(z.string()),
  })
  .meta({ id: "CredentialUsage" });
export type CredentialUsage = z.output<typeof CredentialUsage>;
export const CredentialUsagePage = pageOf(CredentialUsage).meta({ id: "CredentialUsagePage" });

/** One row for each execution that used it, however often. */
export const CredentialUse = z
  .object({
    executionId: idSchema("execution"),
    workflowId: idSchema("workflow"),
    isDraft: z.boolean(),
    version: z.int(),
    /** The node that used it first. */
    path: z.string(),
    usedAt: z.string(),
    usedBy: z.string(),
  })
  .meta({ id: "CredentialUse" });
export type CredentialUse = z.output<typeof CredentialUse>;
export const CredentialUsePage = pageOf(CredentialUse).meta({ id: "CredentialUsePage" });

export const CredentialTest = z
  .object({
    /** unsupported: nothing here can try a credential of this type. */
    status: z.enum(["succeeded", "failed", "unsupported"]),
    code: z.string().nullable(),
    message: z.string(),
    statusCode: z.int().nullable(),
  })
  .meta({ id: "CredentialTest" });
export type CredentialTest = z.output<typeof CredentialTest>;

export const AuthorizeCredential = z
  .object({
    redirectUri: z
      .url({ protocol: /^https?$/ })
      .max(2_000)
      .refine((text) => new URL(text).pathname.endsWith("/oauth/callback"), "expected the address of /oauth/callback")
      .meta({ description: "The full address of this API's /oauth/callback, as the authorization server knows it" }),
  })
  .meta({ id: "AuthorizeCredential" });

export const Authorization = z
  .object({
    /** Where the person has to go, in a browser. */
    url: z.string(),
    expiresAt: z.string(),
  })
  .meta({ id: "CredentialAuthorization" });
export type Authorization = z.output<typeof Authorization>;

export type CredentialId = Id<"credential">;

/** A credential that a canvas names, and the nodes that do. */
export interface CredentialNeed {
  credentialId: string;
  nodeIds: string[];
}
