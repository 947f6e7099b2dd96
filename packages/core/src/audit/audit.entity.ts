import { modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { ERROR_STATUS, type ErrorCode } from "@weft/kernel/errors";
import { Entity } from "electrodb";
import { ACTOR_TYPES, LOGIN_OUTCOMES } from "./audit.schema.ts";

/**
 * One row per login try. `scope` is always `platform`.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | which tries were there on this day, in order? |
 * | byUser | gsi2 | which tries were there for this user, in order? |
 */
export const LoginLogs = new Entity(
  {
    model: modelOf("loginlog"),
    attributes: {
      scope: { type: ["platform"] as const, required: true },
      day: { type: "string", required: true },
      loginLogId: { type: "string", required: true },
      at: { type: "string", required: true },
      /** Empty where no user has the name that was tried: an index with a condition wants its parts at each write. */
      userId: { type: "string", required: true },
      account: { type: "string", required: true },
      outcome: { type: LOGIN_OUTCOMES, required: true },
      ip: { type: "string" },
      userAgent: { type: "string" },
      requestId: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "day"] }, sk: { field: "sk", composite: ["loginLogId"] } },
      byUser: {
        index: "gsi2",
        condition: (attr) => attr.userId !== "",
        pk: { field: "gsi2pk", composite: ["userId"] },
        sk: { field: "gsi2sk", composite: ["loginLogId"] },
      },
    },
  },
  ELECTRO,
);

/**
 * One row per mutating call. `scope` is the space of the call, `platform` outside of spaces.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | what was done in this scope on this day, in order? |
 * | byTarget | gsi1 | what was done to this thing of the scope, in order? |
 * | byActor | gsi2 | what did this user (or system part) do, in order? |
 */
export const OperationLogs = new Entity(
  {
    model: modelOf("operationlog"),
    attributes: {
      scope: { type: "string", required: true },
      day: { type: "string", required: true },
      operationLogId: { type: "string", required: true },
      at: { type: "string", required: true },
      actorType: { type: ACTOR_TYPES, required: true },
      actorId: { type: "string", required: true },
      apiKeyId: { type: "string" },
      operation: { type: "string", required: true },
      /** Empty where the operation is on nothing that has an id. */
      targetId: { type: "string", required: true },
      status: { type: "number", required: true },
      errorCode: { type: Object.keys(ERROR_STATUS) as ErrorCode[] },
      requestId: { type: "string", required: true },
      traceId: { type: "string" },
      ip: { type: "string" },
      userAgent: { type: "string" },
      durationMs: { type: "number", required: true },
      /** JSON text, redacted. */
      args: { type: "string" },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "day"] }, sk: { field: "sk", composite: ["operationLogId"] } },
      byTarget: {
        index: "gsi1",
        condition: (attr) => attr.targetId !== "",
        pk: { field: "gsi1pk", composite: ["scope", "targetId"] },
        sk: { field: "gsi1sk", composite: ["operationLogId"] },
      },
      byActor: {
        index: "gsi2",
        pk: { field: "gsi2pk", composite: ["actorId"] },
        sk: { field: "gsi2sk", composite: ["operationLogId"] },
      },
    },
  },
  ELECTRO,
);
