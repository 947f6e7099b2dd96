import { createFile, readFile } from "@weft/core/file/file.content";
import * as File from "@weft/core/file/file.service";
import type { NodeDeps } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { derivedId, ID_PREFIX, type Id, isId } from "@weft/kernel/ids";
import { getWorkspaceFile, putWorkspaceFile } from "@weft/storage/workspace";
import { tellNoted } from "../bus.ts";
import { asNodeError } from "./node-error.ts";

/** Files of the run's space as its nodes see them: the workspace by key, Files by id. */
export function nodeFiles(ctx: Ctx, executionId: string): NonNullable<NodeDeps["files"]> {
  return {
    get: (key, maxBytes) =>
      asNodeError(() =>
        isId("file", key) ? orNull(readFile(ctx, key, maxBytes)) : getWorkspaceFile(ctx, key, maxBytes),
      ),
    put: (key, content) => asNodeError(() => putWorkspaceFile(ctx, key, content)),
    create: (file, idempotencyKey) =>
      asNodeError(async () => {
        const fileId = fileIdFor(executionId, idempotencyKey);
        const made = await createFile(ctx, { ...file, fileId, source: "workflow", sourceId: executionId });
        await tellNoted(ctx);
        const { id, name, contentType, size } = made;
        return { id, name, contentType, size };
      }),
    link: (fileId) => asNodeError(() => orNull(File.download(ctx, fileId as Id<"file">, { disposition: "inline" }))),
  };
}

/** The same for a step that is repeated. */
function fileIdFor(executionId: string, idempotencyKey: string): Id<"file"> {
  const tail = executionId.slice(executionId.indexOf("_"));
  return derivedId<"file">(`${ID_PREFIX.file}${tail}`, idempotencyKey);
}

async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === "not_found") return null;
    throw thrown;
  }
}
