import { createHash } from "node:crypto";
import { getAny, getLive } from "@weft/db/change";
import { tryTransact, tryWrite, tx, type WriteOp } from "@weft/db/write";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidField } from "@weft/kernel/errors";
import { type Id, isId, newId } from "@weft/kernel/ids";
import { getObject, putObject } from "@weft/storage/object";
import { emitOps } from "../event/event.emit.ts";
import { contentTypeOf, SNIFF_BYTES } from "./file.content-type.ts";
import { FileEntity, type FileRow, NEVER } from "./file.entity.ts";
import type { File } from "./file.schema.ts";
import { fullKey, newRow, plainName, readyRow, target, toFile } from "./file.service.ts";

/** A file whole in memory, on its way in. */
export interface NewFile {
  /** With or without a path; of a path the last part counts. */
  name: string;
  bytes: Uint8Array;
  /** Empty where nobody said. */
  contentType: string;
  source: File["source"];
  sourceId?: string;
  tags?: readonly string[];
  /** Of a repeat that must make one file: the same id each time. */
  fileId?: Id<"file">;
}

/**
 * Keeps a file. Its bytes are there before its row is; a repeat with the same `fileId` changes nothing. Throws
 * `unsupported_media_type` where it is not what it is declared to be.
 */
export async function createFile(ctx: Ctx, input: NewFile): Promise<File> {
  const { bytes, source, sourceId, tags = [] } = input;
  const known = input.fileId && (await getAny(target(ctx, input.fileId)));
  if (known) return toFile(known);
  const fileId = input.fileId ?? newId("file", ctx.clock.now());
  const name = plainName(input.name);
  const contentType = await contentTypeOf(input.contentType, name, bytes.subarray(0, SNIFF_BYTES));
  const row = {
    ...newRow(ctx, fileId, name, NEVER),
    contentType,
    size: bytes.byteLength,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    status: "ready" as const,
    source,
    ...(sourceId === undefined ? {} : { sourceId }),
    tags: [...tags],
    metadata: {},
  };
  await putObject(fullKey(ctx, row), { bytes, contentType });
  return toFile((await writeRow(ctx, row)) ? row : await getLive(ctx, target(ctx, fileId)));
}

/** False where the file exists. Where nobody is told of it, it is one write and no transaction, which costs two. */
async function writeRow(ctx: Ctx, row: FileRow): Promise<boolean> {
  const told = await createdOps(ctx, row);
  if (told.length === 0) return (await tryWrite(() => FileEntity.create(row).go())) !== null;
  return (await tryTransact([tx(FileEntity).create(row).commit(), ...told])) === null;
}

/** Tells that a file is there, in the transaction that makes it so. */
export function createdOps(
  ctx: Ctx,
  row: Pick<FileRow, "fileId" | "name" | "contentType" | "size" | "source" | "sourceId">,
): Promise<WriteOp[]> {
  const { fileId, name, contentType, size, source, sourceId } = row;
  const cause = source === "workflow" && isId("execution", sourceId) ? { executionId: sourceId } : {};
  return emitOps(ctx, { type: "file.created", data: { fileId, name, contentType, size, source }, ...cause });
}

/** A file whole in memory. */
export interface FileContent {
  name: string;
  bytes: Uint8Array;
  contentType: string;
}

/** Reads a file. Throws `not_found`, `conflict` for one that is not ready, and `too_large` above `maxBytes`. */
export async function readFile(ctx: Ctx, fileId: Id<"file">, maxBytes: number): Promise<FileContent> {
  const row = await readyRow(ctx, fileId);
  const found = await getObject(fullKey(ctx, row), maxBytes);
  if (!found) throw new AppError("gone", "the file's content is no longer there");
  return { name: row.name, bytes: found.bytes, contentType: row.contentType };
}

/** Reads files that a call names, in order. Throws `invalid_input` naming `field` for one that is not to be had. */
export async function readFiles(
  ctx: Ctx,
  fileIds: readonly Id<"file">[],
  { field, maxBytes }: { field: string; maxBytes: number },
): Promise<FileContent[]> {
  const files: FileContent[] = [];
  let left = maxBytes;
  for (const [index, fileId] of fileIds.entries()) {
    const file = await readFile(ctx, fileId, left).catch((thrown: unknown) => {
      throw thrown instanceof AppError && thrown.status < 500
        ? invalidField(
            `${field}.${index}`,
            thrown.code === "too_large" ? `more than ${maxBytes} bytes together` : thrown.message,
          )
        : thrown;
    });
    left -= file.bytes.byteLength;
    files.push(file);
  }
  return files;
}
