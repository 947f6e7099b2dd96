import { type Id, idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";

/** secret: a text that is sealed, never given back, and read by nodes that take it out of the run alone. */
export const VARIABLE_TYPE = ["string", "number", "boolean", "json", "secret"] as const;
/** global: one for the whole space. workflow: one for a workflow. */
export const VARIABLE_SCOPE = ["global", "workflow"] as const;
/** Whose end users' variables: an app's, an agent's, or those of every workflow of the space. */
export const OWNER_KIND = ["app", "agent", "space"] as const;
/** kv: one value. list: values in the order in which they were appended. */
export const INSTANCE_KIND = ["kv", "list"] as const;

export type VariableType = (typeof VARIABLE_TYPE)[number];
export type VariableScope = (typeof VARIABLE_SCOPE)[number];
export type OwnerKind = (typeof OWNER_KIND)[number];

/** Names of the platform's own variables; nobody else's begin like this. */
export const SYSTEM_PREFIX = "sys_";
/** Characters of a value as JSON: what a row and its change hold without trouble. */
export const MAX_VALUE_CHARS = 50_000;
/** Variables that one app or agent declares. */
const MAX_DECLARED = 200;
const MAX_DESCRIPTION = 4_000;
/** Coze's API: what its callers use when they name no connector. */
export const DEFAULT_CONNECTOR = "1024";

const Name = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "a name is letters, digits and _, and begins with a letter")
  .refine((name) => !name.toLowerCase().startsWith(SYSTEM_PREFIX), "names that begin with sys_ are the platform's");
const Description = z.string().max(MAX_DESCRIPTION);
const Value = z.unknown().meta({ description: "A value of the variable's type" });
const ExpectedRevision = z.int().min(1).optional();

export const CreateVariable = z
  .object({
    name: Name,
    description: Description.default(""),
    type: z.enum(VARIABLE_TYPE),
    scope: z.enum(VARIABLE_SCOPE).default("global"),
    workflowId: idSchema("workflow").optional(),
    value: Value,
  })
  .meta({ id: "CreateVariable" });
export type CreateVariable = z.output<typeof CreateVariable>;

export const UpdateVariable = z
  .object({
    expectedRevision: ExpectedRevision,
    name: Name.optional(),
    description: Description.optional(),
    value: Value.optional(),
  })
  .meta({ id: "UpdateVariable" });
export type UpdateVariable = z.output<typeof UpdateVariable>;

export const Variable = z
  .object({
    id: idSchema("variable"),
    spaceId: idSchema("space"),
    name: z.string(),
    description: z.string(),
    type: z.enum(VARIABLE_TYPE),
    scope: z.enum(VARIABLE_SCOPE),
    workflowId: idSchema("workflow").nullable(),
    /** Null for a secret. */
    value: z.unknown(),
    revision: z.int(),
    createdAt: z.string(),
    updatedAt: z.string(),
    createdBy: z.string(),
  })
  .meta({ id: "Variable" });
export type Variable = z.output<typeof Variable>;
export const VariablePage = pageOf(Variable).meta({ id: "VariablePage" });

export const listVariablesQuery = {
  ...pageQuery,
  q: z.string().max(200).optional(),
  scope: z.enum(VARIABLE_SCOPE).optional(),
  workflowId: idSchema("workflow").optional(),
};
export type ListVariables = z.output<z.ZodObject<typeof listVariablesQuery>>;

export const VariableChange = z
  .object({
    id: idSchema("variableChange"),
    at: z.string(),
    by: z.string(),
    /** The execution that set it, where one did. */
    executionId: z.string().nullable(),
    /** Both null for a secret. */
    before: z.unknown(),
    after: z.unknown(),
  })
  .meta({ id: "VariableChange" });
export type VariableChange = z.output<typeof VariableChange>;
export const VariableChangePage = pageOf(VariableChange).meta({ id: "VariableChangePage" });

export const SystemVariableList = z
  .object({ items: z.array(z.object({ name: z.string(), description: z.string() })) })
  .meta({ id: "SystemVariableList" });

const OwnerId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "expected the id of the app or agent");

/** A variable that an app or agent declares for its users. */
export const DeclaredVariable = z
  .strictObject({
    name: Name,
    description: Description.default(""),
    kind: z.enum(INSTANCE_KIND).default("kv"),
    /** Of the value, and of each entry of a list. */
    type: z.enum(["string", "number", "boolean", "json"]),
    /** What a user has who has none of their own. */
    default: Value.optional(),
    /** Nodes and users read it and do not set it. */
    isReadOnly: z.boolean().default(false),
  })
  .meta({ id: "DeclaredVariable" });
export type DeclaredVariable = z.output<typeof DeclaredVariable>;

const Declared = z
  .array(DeclaredVariable)
  .max(MAX_DECLARED)
  .refine((list) => new Set(list.map(({ name }) => name.toLowerCase())).size === list.length, "names are there twice");

export const CreateVariableMeta = z
  .object({ ownerKind: z.enum(OWNER_KIND), ownerId: OwnerId, variables: Declared.default([]) })
  .meta({ id: "CreateVariableMeta" });
export type CreateVariableMeta = z.output<typeof CreateVariableMeta>;
export const UpdateVariableMeta = z
  .object({ expectedRevision: ExpectedRevision, variables: Declared.optional() })
  .meta({ id: "UpdateVariableMeta" });
export type UpdateVariableMeta = z.output<typeof UpdateVariableMeta>;

export const VariableMeta = z
  .object({
    id: idSchema("variableMeta"),
    spaceId: idSchema("space"),
    ownerKind: z.enum(OWNER_KIND),
    ownerId: z.string(),
    variables: z.array(DeclaredVariable),
    revision: z.int(),
    createdAt: z.string(),
    updatedAt: z.string(),
    createdBy: z.string(),
  })
  .meta({ id: "VariableMeta" });
export type VariableMeta = z.output<typeof VariableMeta>;
export const VariableMetaPage = pageOf(VariableMeta).meta({ id: "VariableMetaPage" });
export const listMetasQuery = { ...pageQuery, ownerKind: z.enum(OWNER_KIND).optional(), ownerId: OwnerId.optional() };
export type ListMetas = z.output<z.ZodObject<typeof listMetasQuery>>;

const EndUserId = z.string().min(1).max(200).meta({ description: "The end user; the caller where it is left out" });
const ConnectorId = z.string().min(1).max(64);

/** Whose variables. */
export const holderFields = {
  ownerKind: z.enum(OWNER_KIND).default("space"),
  /** Left out for the space itself. */
  ownerId: OwnerId.optional(),
  userId: EndUserId.optional(),
  connectorId: ConnectorId.default(DEFAULT_CONNECTOR),
};
export type Holder = z.output<z.ZodObject<typeof holderFields>>;
export const instanceFields = { ...holderFields, name: Name };
export const SetInstance = z.object({ ...instanceFields, value: Value }).meta({ id: "SetVariableInstance" });
export type SetInstance = z.output<typeof SetInstance>;

export const VariableInstance = z
  .object({
    ownerKind: z.enum(OWNER_KIND),
    ownerId: z.string(),
    userId: z.string(),
    connectorId: z.string(),
    name: z.string(),
    kind: z.enum(INSTANCE_KIND),
    value: z.unknown(),
    /** Whether the value is the declared default, as the user has none of their own. */
    isDefault: z.boolean(),
    updatedAt: z.string().nullable(),
  })
  .meta({ id: "VariableInstance" });
export type VariableInstance = z.output<typeof VariableInstance>;
export const VariableInstancePage = pageOf(VariableInstance).meta({ id: "VariableInstancePage" });

export type VariableId = Id<"variable">;
export type VariableMetaId = Id<"variableMeta">;
