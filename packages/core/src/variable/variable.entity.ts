import { baseAttributes, modelOf, searchAttributes, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity } from "electrodb";
import { type DeclaredVariable, INSTANCE_KIND, OWNER_KIND, VARIABLE_SCOPE, VARIABLE_TYPE } from "./variable.schema.ts";

/*
 * Values are JSON text. Secret ones are in the vault (platform), under the variable's id.
 *
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Variable | primary | table | one variable; all of a space, newest first (ids sort by time) |
 * | VariableChange | primary | table | what became of one variable or of one user's value, newest first? |
 * | VariableWrite | primary | table | has this node of this execution written before? |
 * | VariableMeta | primary | table | what one app or agent declares; all of a space |
 * | VariableInstance | primary | table | one value of one user at one connector; all of that user's |
 */

export const VariableEntity = new Entity(
  {
    model: modelOf("variable"),
    attributes: {
      spaceId: { type: "string", required: true },
      variableId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      type: { type: VARIABLE_TYPE, required: true, readOnly: true },
      reach: { type: VARIABLE_SCOPE, required: true, readOnly: true },
      workflowId: { type: "string", readOnly: true },
      /** Absent for a secret. */
      json: { type: "string" },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["variableId"] } },
    },
  },
  ELECTRO,
);

export const VariableChangeEntity = new Entity(
  {
    model: modelOf("variablechange"),
    attributes: {
      spaceId: { type: "string", required: true },
      /** A variable's id, or the hash of a user's value. */
      subject: { type: "string", required: true },
      variableChangeId: { type: "string", required: true },
      at: { type: "string", required: true },
      by: { type: "string", required: true },
      executionId: { type: "string" },
      before: { type: "string" },
      after: { type: "string" },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "subject"] },
        sk: { field: "sk", composite: ["variableChangeId"] },
      },
    },
  },
  ELECTRO,
);

export const VariableWriteEntity = new Entity(
  {
    model: modelOf("variablewrite"),
    attributes: {
      spaceId: { type: "string", required: true },
      executionId: { type: "string", required: true },
      keyHash: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "executionId"] },
        sk: { field: "sk", composite: ["keyHash"] },
      },
    },
  },
  ELECTRO,
);

export const VariableMetaEntity = new Entity(
  {
    model: modelOf("variablemeta"),
    attributes: {
      spaceId: { type: "string", required: true },
      variableMetaId: { type: "string", required: true },
      ownerKind: { type: OWNER_KIND, required: true, readOnly: true },
      ownerId: { type: "string", required: true, readOnly: true },
      variables: { type: CustomAttributeType<DeclaredVariable[]>("any"), required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["variableMetaId"] } },
    },
  },
  ELECTRO,
);

export const VariableInstanceEntity = new Entity(
  {
    model: modelOf("variableinstance"),
    attributes: {
      spaceId: { type: "string", required: true },
      /** Of owner, connector and user. */
      holderHash: { type: "string", required: true },
      nameHash: { type: "string", required: true },
      ownerKind: { type: OWNER_KIND, required: true },
      ownerId: { type: "string", required: true },
      connectorId: { type: "string", required: true },
      userId: { type: "string", required: true },
      name: { type: "string", required: true },
      kind: { type: INSTANCE_KIND, required: true },
      json: { type: "string", required: true },
      revision: { type: "number", required: true },
      updatedAt: { type: "string", required: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "holderHash"] },
        sk: { field: "sk", composite: ["nameHash"] },
      },
    },
  },
  ELECTRO,
);
