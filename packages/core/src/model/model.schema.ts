import { MODEL_SCENE } from "@weft/engine/model";
import { type Id, idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";

const MAX_NAME = 255;
const MAX_DESCRIPTION = 4_000;
const MAX_MODEL_NAME = 256;
export const MAX_FALLBACKS = 5;
/** The longest that API functions and steps live. */
export const MAX_MODEL_TIMEOUT_MS = 890_000;
export const DEFAULT_MODEL_TIMEOUT_MS = 120_000;
export const MAX_MODEL_ATTEMPTS = 5;

export const MODEL_PROVIDER = ["bedrock", "openai_compatible", "anthropic", "google", "scripted"] as const;
export type ModelProviderName = (typeof MODEL_PROVIDER)[number];
/** image, audio and agent are kept for what calls them; text goes to llm, vectors come from embedding, order from rerank. */
export const MODEL_TYPE = ["llm", "embedding", "rerank", "image", "audio", "agent"] as const;
export const MODEL_STATUS = ["active", "disabled"] as const;
/** none: the prompt asks for it. object: any JSON. schema: held to a JSON Schema. */
export const JSON_MODE = ["none", "object", "schema"] as const;
export const PARAM_NAME = [
  "temperature",
  "topP",
  "topK",
  "maxTokens",
  "presencePenalty",
  "frequencyPenalty",
  "stop",
  "seed",
  "reasoning",
] as const;

const Name = z.string().trim().min(1).max(MAX_NAME);
const Description = z.string().max(MAX_DESCRIPTION);
const ModelName = z
  .string()
  .trim()
  .min(1)
  .max(MAX_MODEL_NAME)
  .regex(/^[^\p{Cc}]*$/u)
  .meta({ description: "The provider's own name of the model" });
const Tokens = z.int().min(1).max(100_000_000);

export const Capability = z
  .strictObject({
    tools: z.boolean().default(false),
    json: z.enum(JSON_MODE).default("none"),
    images: z.boolean().default(false),
    files: z.boolean().default(false),
    audio: z.boolean().default(false),
    video: z.boolean().default(false),
    reasoning: z.boolean().default(false),
    /** What goes in and comes out, together. */
    contextTokens: Tokens.nullable().default(null),
    maxOutputTokens: Tokens.nullable().default(null),
    /** Of embeddings. */
    dimensions: z.int().min(1).max(65_536).nullable().default(null),
  })
  .meta({ id: "ModelCapability" });
export type Capability = z.output<typeof Capability>;

/** One parameter that the model takes, and within which bounds. */
export const ParamSchema = z
  .strictObject({
    name: z.enum(PARAM_NAME),
    min: z.number().optional(),
    max: z.number().optional(),
    options: z.array(z.string().max(64)).max(20).optional(),
    default: z.union([z.number(), z.string().max(64)]).optional(),
  })
  .meta({ id: "ModelParamSchema" });
export type ParamSchema = z.output<typeof ParamSchema>;
const ParamSchemas = z
  .array(ParamSchema)
  .max(PARAM_NAME.length)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "names each parameter once");

export const Params = z
  .strictObject({
    temperature: z.number().min(0).max(2).optional(),
    topP: z.number().min(0).max(1).optional(),
    topK: z.int().min(1).max(10_000).optional(),
    maxTokens: Tokens.optional(),
    presencePenalty: z.number().min(-2).max(2).optional(),
    frequencyPenalty: z.number().min(-2).max(2).optional(),
    stop: z.array(z.string().min(1).max(200)).max(10).optional(),
    seed: z.int().min(0).max(2_147_483_647).optional(),
    reasoning: z.enum(["off", "low", "medium", "high"]).optional(),
  })
  .meta({ id: "ModelParams" });
export type Params = z.output<typeof Params>;

const Price = z.number().min(0).max(1_000_000);
export const Prices = z
  .strictObject({
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .default("USD"),
    /** For a million tokens. */
    input: Price,
    output: Price.default(0),
    /** Of input that the provider had kept; as `input` where nothing is said. */
    cachedInput: Price.optional(),
    cacheWrite: Price.optional(),
  })
  .meta({ id: "ModelPrices" });
export type Prices = z.output<typeof Prices>;

export const Quota = z
  .strictObject({
    requestsPerMinute: z.int().min(1).max(10_000_000).nullable().default(null),
    /** Reserved by estimate when a call begins and settled by what the provider says. */
    tokensPerMinute: z.int().min(1).max(10_000_000_000).nullable().default(null),
  })
  .meta({ id: "ModelQuota" });
export type Quota = z.output<typeof Quota>;

const settings = {
  description: Description,
  capability: Capability,
  parameters: ParamSchemas,
  defaults: Params,
  prices: Prices.nullable(),
  quota: Quota,
  attempts: z.int().min(1).max(MAX_MODEL_ATTEMPTS).meta({ description: "Tries of one call, the first one among them" }),
  timeoutMs: z.int().min(1_000).max(MAX_MODEL_TIMEOUT_MS).meta({ description: "For one try" }),
  status: z.enum(MODEL_STATUS),
};
const Connection = z
  .record(z.string().max(100), z.unknown())
  .meta({ description: "How the provider is reached; see `connection` of listModelProviders" });

export const CreateModel = z
  .strictObject({
    name: Name,
    type: z.enum(MODEL_TYPE).default("llm"),
    provider: z.enum(MODEL_PROVIDER),
    model: ModelName,
    metaId: idSchema("modelMeta")
      .nullable()
      .default(null)
      .meta({ description: "Takes capability, parameters and prices from there where they are left out" }),
    connection: Connection,
    credentialId: idSchema("credential")
      .nullable()
      .default(null)
      .meta({ description: "A credential of the space, in place of the connection's own key" }),
    description: settings.description.default(""),
    capability: settings.capability.optional(),
    parameters: settings.parameters.optional(),
    defaults: settings.defaults.default({}),
    prices: settings.prices.optional(),
    quota: settings.quota.prefault({}),
    attempts: settings.attempts.default(3),
    timeoutMs: settings.timeoutMs.default(DEFAULT_MODEL_TIMEOUT_MS),
    status: settings.status.default("active"),
  })
  .meta({ id: "CreateModel" });
export type CreateModel = z.output<typeof CreateModel>;

/** Provider and type stay: another one is another model. */
export const UpdateModel = z
  .strictObject({
    expectedRevision: z.int().min(1).optional(),
    name: Name.optional(),
    model: ModelName.optional(),
    connection: Connection.optional().meta({ description: "Replaces all of it, secrets too" }),
    credentialId: idSchema("credential").nullable().optional(),
    description: settings.description.optional(),
    capability: settings.capability.optional(),
    parameters: settings.parameters.optional(),
    defaults: settings.defaults.optional(),
    prices: settings.prices.optional(),
    quota: settings.quota.optional(),
    attempts: settings.attempts.optional(),
    timeoutMs: settings.timeoutMs.optional(),
    status: settings.status.optional(),
  })
  .meta({ id: "UpdateModel" });
export type UpdateModel = z.output<typeof UpdateModel>;

const stamps = { revision: z.int(), createdAt: z.string(), updatedAt: z.string(), createdBy: z.string() };

export const Model = z
  .object({
    id: idSchema("model"),
    /** Null for a model of the platform, which every space sees. */
    spaceId: idSchema("space").nullable(),
    visibility: z.enum(["space", "platform"]),
    name: z.string(),
    description: z.string(),
    type: z.enum(MODEL_TYPE),
    provider: z.enum(MODEL_PROVIDER),
    model: z.string(),
    metaId: idSchema("modelMeta").nullable(),
    /** The fields that are not sealed; null for whoever only uses the model. */
    connection: z.record(z.string(), z.unknown()).nullable(),
    /** The sealed fields that are set, with a hint. */
    secrets: z.array(z.object({ field: z.string(), hint: z.string() })),
    credentialId: idSchema("credential").nullable(),
    capability: Capability,
    parameters: z.array(ParamSchema),
    defaults: Params,
    prices: Prices.nullable(),
    quota: Quota,
    attempts: z.int(),
    timeoutMs: z.int(),
    status: z.enum(MODEL_STATUS),
    ...stamps,
  })
  .meta({ id: "Model" });
export type Model = z.output<typeof Model>;
export const ModelPage = pageOf(Model).meta({ id: "ModelPage" });

export const listModelsQuery = {
  ...pageQuery,
  q: z.string().max(200).optional(),
  type: z.enum(MODEL_TYPE).optional(),
  provider: z.enum(MODEL_PROVIDER).optional(),
  status: z.enum(MODEL_STATUS).optional(),
};
export type ListModels = z.output<z.ZodObject<typeof listModelsQuery>>;

export const ModelTest = z
  .object({
    status: z.enum(["succeeded", "failed", "unsupported"]),
    code: z.string().nullable(),
    message: z.string(),
    latencyMs: z.number().nullable(),
    usage: z.record(z.string(), z.number()),
  })
  .meta({ id: "ModelTest" });
export type ModelTest = z.output<typeof ModelTest>;

export const ModelProviderInfo = z
  .object({
    provider: z.enum(MODEL_PROVIDER),
    types: z.array(z.enum(MODEL_TYPE)),
    /** JSON Schema of `connection`; sealed fields are `writeOnly`. */
    connection: z.record(z.string(), z.unknown()),
    secrets: z.array(z.string()),
    takesCredential: z.boolean(),
  })
  .meta({ id: "ModelProvider" });
export const ModelProviderList = z.object({ items: z.array(ModelProviderInfo) }).meta({ id: "ModelProviderList" });

/** A model that providers offer: what it can do and costs, for whoever makes an instance of it. */
export const ModelMeta = z
  .object({
    id: idSchema("modelMeta"),
    name: z.string(),
    provider: z.enum(MODEL_PROVIDER),
    model: z.string(),
    type: z.enum(MODEL_TYPE),
    family: z.string(),
    /** Where it is reached, for providers that have no address of their own. */
    baseUrl: z.string().nullable(),
    capability: Capability,
    parameters: z.array(ParamSchema),
    prices: Prices.nullable(),
    status: z.enum(MODEL_STATUS),
    /** It comes with the product; a change of it is the administrator's. */
    isBuiltIn: z.boolean(),
    revision: z.int(),
  })
  .meta({ id: "ModelMeta" });
export type ModelMeta = z.output<typeof ModelMeta>;
export const ModelMetaList = z.object({ items: z.array(ModelMeta) }).meta({ id: "ModelMetaList" });

const meta = {
  name: Name,
  family: z.string().max(100),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .nullable(),
  capability: Capability,
  parameters: ParamSchemas,
  prices: Prices.nullable(),
  status: z.enum(MODEL_STATUS),
};

export const CreateModelMeta = z
  .strictObject({
    name: meta.name,
    provider: z.enum(MODEL_PROVIDER),
    model: ModelName,
    type: z.enum(MODEL_TYPE).default("llm"),
    family: meta.family.default(""),
    baseUrl: meta.baseUrl.default(null),
    capability: meta.capability.prefault({}),
    parameters: meta.parameters.default([]),
    prices: meta.prices.default(null),
    status: meta.status.default("active"),
  })
  .meta({ id: "CreateModelMeta" });
export type CreateModelMeta = z.output<typeof CreateModelMeta>;

export const UpdateModelMeta = z
  .strictObject({
    expectedRevision: z.int().min(1).optional(),
    name: meta.name.optional(),
    family: meta.family.optional(),
    baseUrl: meta.baseUrl.optional(),
    capability: meta.capability.optional(),
    parameters: meta.parameters.optional(),
    prices: meta.prices.optional(),
    status: meta.status.optional(),
  })
  .meta({ id: "UpdateModelMeta" });
export type UpdateModelMeta = z.output<typeof UpdateModelMeta>;

export const listMetasQuery = {
  q: z.string().max(200).optional(),
  type: z.enum(MODEL_TYPE).optional(),
  provider: z.enum(MODEL_PROVIDER).optional(),
  status: z.enum(MODEL_STATUS).optional(),
};

/** A name for a model with its parameters, which calls give in place of the model: what it stands for changes in one place. */
const ModelRef = idSchema("model").meta({ description: "A model of the space or of the platform" });
const entity = {
  name: Name,
  description: Description,
  scenario: z.enum(MODEL_SCENE).nullable().meta({ description: "What it is meant for; null for anything" }),
  modelId: ModelRef,
  params: Params,
  fallbackModelIds: z.array(ModelRef).max(MAX_FALLBACKS),
  status: z.enum(MODEL_STATUS),
};

export const CreateModelEntity = z
  .strictObject({
    ...entity,
    description: entity.description.default(""),
    scenario: entity.scenario.default(null),
    params: entity.params.default({}),
    fallbackModelIds: entity.fallbackModelIds.default([]),
    status: entity.status.default("active"),
  })
  .meta({ id: "CreateModelEntity" });
export type CreateModelEntity = z.output<typeof CreateModelEntity>;

export const UpdateModelEntity = z
  .strictObject({
    expectedRevision: z.int().min(1).optional(),
    name: entity.name.optional(),
    description: entity.description.optional(),
    scenario: entity.scenario.optional(),
    modelId: entity.modelId.optional(),
    params: entity.params.optional(),
    fallbackModelIds: entity.fallbackModelIds.optional(),
    status: entity.status.optional(),
  })
  .meta({ id: "UpdateModelEntity" });
export type UpdateModelEntity = z.output<typeof UpdateModelEntity>;

export const ModelEntity = z
  .object({ id: idSchema("modelEntity"), spaceId: idSchema("space"), ...entity, ...stamps })
  .meta({ id: "ModelEntity" });
export type ModelEntity = z.output<typeof ModelEntity>;
export const ModelEntityPage = pageOf(ModelEntity).meta({ id: "ModelEntityPage" });

export const listModelEntitiesQuery = { ...pageQuery, scenario: z.enum(MODEL_SCENE).optional() };
export type ListModelEntities = z.output<z.ZodObject<typeof listModelEntitiesQuery>>;

export type ModelId = Id<"model">;
