import type { ExecutionStatus, NodeStatus } from "@weft/engine/status";
import { type Id, idSchema } from "@weft/kernel/ids";
import { pageOf } from "@weft/kernel/page";
import * as z from "zod";

export const COPY_KIND = ["workflow"] as const;
export const COPY_MODE = ["copy", "move"] as const;
/** library: what is public, of any space. */
export const COPY_FROM = ["space", "library"] as const;
export const COPY_STATUS = [
  "queued",
  "running",
  "succeeded",
  "failed",
  "cancelled",
] as const satisfies readonly ExecutionStatus[];
const ITEM_STATUS = ["pending", "succeeded"] as const satisfies readonly NodeStatus[];

/** Objects of one task, with what they need. */
export const MAX_COPIED = 100;
/** Fewer than half of the callers that a move looks at: each may call as a draft and as a version. */
const MAX_NAMED = 40;
const MAX_ID = 128;

export const CreateCopy = z
  .object({
    mode: z.enum(COPY_MODE).default("copy").meta({ description: "`move` deletes the named objects in their space" }),
    from: z.enum(COPY_FROM).default("space"),
    sourceSpaceId: idSchema("space")
      .optional()
      .meta({ description: "The space that the objects are in; the space of the path where it is left out" }),
    objects: z
      .array(
        z.strictObject({ kind: z.enum(COPY_KIND), id: z.string().min(1).max(MAX_ID) }).meta({ id: "CopiedObject" }),
      )
      .min(1)
      .max(MAX_NAMED),
  })
  .meta({ id: "CreateCopy" });
export type CreateCopy = z.output<typeof CreateCopy>;

export const CopyTask = z
  .object({
    id: idSchema("copyTask"),
    spaceId: idSchema("space"),
    from: z.enum(COPY_FROM),
    /** Null for copies from the library. */
    sourceSpaceId: idSchema("space").nullable(),
    mode: z.enum(COPY_MODE),
    status: z.enum(COPY_STATUS),
    progress: z.object({
      total: z.int(),
      completed: z.int(),
      percent: z.int(),
      /** The name of what is copied or removed next. */
      current: z.string().nullable(),
    }),
    /** In the order in which they are copied: what is needed comes first. */
    objects: z.array(
      z
        .object({
          kind: z.enum(COPY_KIND),
          name: z.string(),
          sourceId: z.string(),
          /** Its id in this space, from `succeeded` on. */
          targetId: z.string(),
          /** False for what came along because another object needs it. */
          isNamed: z.boolean(),
          status: z.enum(ITEM_STATUS),
          /** Whether it was deleted in its space, by a move. */
          isRemoved: z.boolean(),
        })
        .meta({ id: "CopyTaskObject" }),
    ),
    error: z.object({ code: z.string(), message: z.string(), details: z.unknown().optional() }).nullable(),
    startedAt: z.iso.datetime().nullable(),
    endedAt: z.iso.datetime().nullable(),
    revision: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    createdBy: z.string(),
  })
  .meta({ id: "CopyTask" });
export type CopyTask = z.output<typeof CopyTask>;
export const CopyTaskPage = pageOf(CopyTask).meta({ id: "CopyTaskPage" });

export type CopyKind = (typeof COPY_KIND)[number];
export type CopyTaskId = Id<"copyTask">;
