import { baseAttributes, modelOf, searchAttributes, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { MODEL_SCENE } from "@weft/engine/model";
import { CustomAttributeType, Entity } from "electrodb";
import { REQUEST_STATUS } from "./ledger.schema.ts";
import {
  type Capability,
  MODEL_PROVIDER,
  MODEL_STATUS,
  MODEL_TYPE,
  type ParamSchema,
  type Params,
  type Prices,
  type Quota,
} from "./model.schema.ts";

/*
 * Secrets of connections are in the vault (platform), under the model's id. `scope` is a space or `platform`.
 *
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Model | primary | table | one model; all of a space or of the platform, newest first |
 * | ModelMeta | primary | table | one model of the catalogue; all that administrators added or changed |
 * | ModelDefaults | primary | table | one named default; all of a space |
 * | ModelRequest | primary | table | one call; all of a space on a day, newest first |
 * | ModelUsage | primary | table | what the calls of a space on a day amount to, by model, scene and user |
 * | ModelTokens | primary | table | how many tokens of a model are used or reserved in a minute? |
 */

const capability = CustomAttributeType<Capability>("any");
const parameters = CustomAttributeType<ParamSchema[]>("any");
const prices = CustomAttributeType<Prices>("any");
const params = CustomAttributeType<Params>("any");
const count = { type: "number", default: 0 } as const;

export const ModelRows = new Entity(
  {
    model: modelOf("model"),
    attributes: {
      scope: { type: "string", required: true },
      modelId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      type: { type: MODEL_TYPE, required: true, readOnly: true },
      provider: { type: MODEL_PROVIDER, required: true, readOnly: true },
      model: { type: "string", required: true },
      metaId: { type: "string" },
      connection: { type: CustomAttributeType<Record<string, unknown>>("any"), required: true },
      secrets: { type: CustomAttributeType<{ field: string; hint: string }[]>("any"), required: true },
      /** Of the vault; absent where the connection has no secret. */
      secretVersion: { type: "number" },
      credentialId: { type: "string" },
      capability: { type: capability, required: true },
      parameters: { type: parameters, required: true },
      defaults: { type: params, required: true },
      prices: { type: prices },
      quota: { type: CustomAttributeType<Quota>("any"), required: true },
      attempts: { type: "number", required: true },
      timeoutMs: { type: "number", required: true },
      status: { type: MODEL_STATUS, required: true },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope"] }, sk: { field: "sk", composite: ["modelId"] } },
    },
  },
  ELECTRO,
);

export const ModelMetaRows = new Entity(
  {
    model: modelOf("modelmeta"),
    attributes: {
      scope: { type: "string", required: true },
      modelMetaId: { type: "string", required: true },
      name: { type: "string", required: true },
      provider: { type: MODEL_PROVIDER, required: true },
      model: { type: "string", required: true },
      type: { type: MODEL_TYPE, required: true },
      family: { type: "string", required: true },
      baseUrl: { type: "string" },
      capability: { type: capability, required: true },
      parameters: { type: parameters, required: true },
      prices: { type: prices },
      status: { type: MODEL_STATUS, required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope"] }, sk: { field: "sk", composite: ["modelMetaId"] } },
    },
  },
  ELECTRO,
);

export const ModelDefaultsRows = new Entity(
  {
    model: modelOf("modeldefaults"),
    attributes: {
      spaceId: { type: "string", required: true },
      modelEntityId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      scenario: { type: MODEL_SCENE },
      modelId: { type: "string", required: true },
      params: { type: params, required: true },
      fallbackModelIds: { type: CustomAttributeType<string[]>("any"), required: true },
      status: { type: MODEL_STATUS, required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["modelEntityId"] } },
    },
  },
  ELECTRO,
);

const metered = {
  inputTokens: count,
  outputTokens: count,
  cachedTokens: count,
  reasoningTokens: count,
  cost: count,
  latencyMs: count,
} as const;

export const ModelRequestRows = new Entity(
  {
    model: modelOf("modelrequest"),
    attributes: {
      spaceId: { type: "string", required: true },
      /** Of its id, in UTC. */
      day: { type: "string", required: true },
      modelRequestId: { type: "string", required: true },
      modelId: { type: "string", required: true },
      provider: { type: MODEL_PROVIDER, required: true },
      model: { type: "string", required: true },
      operation: { type: ["chat", "embed", "rerank"] as const, required: true },
      scene: { type: MODEL_SCENE, required: true },
      entityId: { type: "string" },
      nodeId: { type: "string" },
      executionId: { type: "string" },
      userId: { type: "string", required: true },
      status: { type: REQUEST_STATUS, required: true },
      attempts: { type: "number", required: true },
      /** The request that failed before it and that this one stands in for. */
      fallbackOf: { type: "string" },
      firstTokenMs: { type: "number" },
      finishReason: { type: "string" },
      currency: { type: "string" },
      errorCode: { type: "string" },
      errorMessage: { type: "string" },
      requestId: { type: "string", required: true },
      ...metered,
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "day"] },
        sk: { field: "sk", composite: ["modelRequestId"] },
      },
    },
  },
  ELECTRO,
);

export const ModelUsageRows = new Entity(
  {
    model: modelOf("modelusage"),
    attributes: {
      spaceId: { type: "string", required: true },
      day: { type: "string", required: true },
      modelId: { type: "string", required: true },
      scene: { type: MODEL_SCENE, required: true },
      userId: { type: "string", required: true },
      /** Calls that end at once do not all meet on one row. */
      shard: { type: "string", required: true },
      currency: { type: "string" },
      requests: count,
      failed: count,
      firstTokenMs: count,
      firstTokens: count,
      ...metered,
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "day"] },
        sk: { field: "sk", composite: ["modelId", "scene", "userId", "shard"] },
      },
    },
  },
  ELECTRO,
);

export const ModelTokensRows = new Entity(
  {
    model: modelOf("modeltokens"),
    attributes: {
      scope: { type: "string", required: true },
      modelId: { type: "string", required: true },
      /** Number of the minute since the epoch. */
      minute: { type: "number", required: true },
      tokens: count,
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "modelId"] }, sk: { field: "sk", composite: ["minute"] } },
    },
  },
  ELECTRO,
);
