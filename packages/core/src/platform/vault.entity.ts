import { modelOf } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity } from "electrodb";
import type { Sealed } from "./sealer.ts";

/** Partitions of the index by age, so that no one partition takes every write. */
export const SEAL_SHARDS = 8;

/**
 * Secrets of every kind, sealed; what is public about them is in their owners' rows.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | one version of an owner's secret; all of them |
 * | bySealTime | gsi4 | which secrets were sealed longest ago? (re-encryption) |
 */
export const VaultEntity = new Entity(
  {
    model: modelOf("sealedsecret"),
    attributes: {
      spaceId: { type: "string", required: true },
      ownerId: { type: "string", required: true },
      version: { type: "string", required: true },
      sealed: { type: CustomAttributeType<Sealed>("any"), required: true },
      sealShard: { type: "string", required: true },
      sealedAt: { type: "string", required: true },
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "ownerId"] }, sk: { field: "sk", composite: ["version"] } },
      bySealTime: {
        index: "gsi4",
        pk: { field: "gsi4pk", composite: ["sealShard"] },
        sk: { field: "gsi4sk", composite: ["sealedAt"] },
      },
    },
  },
  ELECTRO,
);
