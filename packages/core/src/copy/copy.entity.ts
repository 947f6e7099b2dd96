import { baseAttributes, modelOf } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity } from "electrodb";
import { COPY_FROM, COPY_MODE, COPY_STATUS, type CopyTask } from "./copy.schema.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | CopyTask | primary | table | one task; all of the space that is copied to, newest first |
 * | CopyTask | due | gsi4 | tasks that somebody has to go on with, by time; sparse |
 */

/** In place of `dueAt` when the task is over. */
export const NEVER = "-";
/** The one partition of the index: tasks are few. */
export const DUE = "copy";

/** One object of a task. `spaceId` is where it comes from. */
export type CopyItem = CopyTask["objects"][number] & { spaceId: string; versions: string[] };

export const CopyTaskEntity = new Entity(
  {
    model: modelOf("copytask"),
    attributes: {
      /** The space that is copied to. */
      spaceId: { type: "string", required: true },
      copyTaskId: { type: "string", required: true },
      from: { type: COPY_FROM, required: true },
      sourceSpaceId: { type: "string" },
      mode: { type: COPY_MODE, required: true },
      status: { type: COPY_STATUS, required: true },
      items: { type: CustomAttributeType<CopyItem[]>("any"), required: true },
      error: { type: CustomAttributeType<NonNullable<CopyTask["error"]>>("any") },
      /** Tries since the last step that came to its end. */
      tries: { type: "number", required: true },
      /** Whose rights the work is done with. */
      runAs: { type: "string", required: true },
      startedAt: { type: "string" },
      endedAt: { type: "string" },
      due: { type: [DUE] as const, required: true },
      dueAt: { type: "string", required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["copyTaskId"] } },
      due: {
        index: "gsi4",
        condition: (attributes: { dueAt?: string }) => attributes.dueAt !== NEVER,
        pk: { field: "gsi4pk", composite: ["due"] },
        sk: { field: "gsi4sk", composite: ["dueAt", "copyTaskId"] },
      },
    },
  },
  ELECTRO,
);
