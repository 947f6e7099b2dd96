import { createHash } from "node:crypto";
import { baseAttributes, modelOf, searchAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import { FILE_SOURCE, FILE_STATUS, type File } from "./file.schema.ts";

/*
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | one file; all of a space, newest first (ids sort by time) |
 * | byId | gsi3 | in which space is the file that a call without a space names? |
 * | due | gsi4 | whose upload or retention is over, by time; sparse, sharded |
 */

/** Shards of the sparse index of files that the sweeper has to look at. */
export const FILE_SHARDS = 4;
/** In place of `dueAt` when nobody has to look at the file. */
export const NEVER = "never";

/** An upload that is not over. */
export interface PendingUpload {
  mode: "single" | "multipart";
  expiresAt: string;
  /** What the caller says it will be. */
  sha256?: string;
  uploadId?: string;
  partSize?: number;
}

export const FileEntity = new Entity(
  {
    model: modelOf("file"),
    attributes: {
      spaceId: { type: "string", required: true },
      fileId: { type: "string", required: true },
      name: { type: "string", required: true },
      contentType: { type: "string", required: true },
      size: { type: "number", required: true },
      sha256: { type: "string" },
      status: { type: FILE_STATUS, required: true },
      failure: { type: CustomAttributeType<NonNullable<File["failure"]>>("any") },
      /** Within the space's prefix, made of the id alone. */
      storageKey: { type: "string", required: true, readOnly: true },
      upload: { type: CustomAttributeType<PendingUpload>("any") },
      source: { type: FILE_SOURCE, required: true, readOnly: true },
      sourceId: { type: "string", readOnly: true },
      tags: { type: "list", items: { type: "string" }, required: true },
      metadata: { type: CustomAttributeType<Record<string, string>>("any"), required: true },
      dueShard: { type: "string", required: true },
      dueAt: { type: "string", required: true },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["fileId"] } },
      byId: {
        index: "gsi3",
        pk: { field: "gsi3pk", composite: ["fileId"] },
        sk: { field: "gsi3sk", composite: ["spaceId"] },
      },
      due: {
        index: "gsi4",
        condition: (attributes: { dueAt?: string }) => attributes.dueAt !== NEVER,
        pk: { field: "gsi4pk", composite: ["dueShard"] },
        sk: { field: "gsi4sk", composite: ["dueAt", "fileId"] },
      },
    },
  },
  ELECTRO,
);

export type FileRow = EntityItem<typeof FileEntity>;

/** When the sweeper has to look; ElectroDB rebuilds the index only when it is given every part of its keys. */
export function dueKeys(fileId: string, dueAt: string): { dueShard: string; dueAt: string } {
  const first = createHash("sha256").update(fileId).digest()[0] ?? 0;
  return { dueShard: String(first % FILE_SHARDS), dueAt };
}
