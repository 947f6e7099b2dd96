import { created } from "@weft/db/base";
import { getAny, getLive, restore as restoreRow, softDelete, type Target, updateWithRevision } from "@weft/db/change";
import { getMany } from "@weft/db/get-many";
import { listPage } from "@weft/db/page";
import { searchFilter, searchText } from "@weft/db/search";
import { read } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict, notFound } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { objectKey } from "@weft/storage/object";
import { presignGet } from "@weft/storage/presign";
import { dueKeys, FileEntity, type FileRow, NEVER } from "./file.entity.ts";
import {
  type DownloadFile,
  type File,
  type FileLink,
  type ListFiles,
  MAX_FILE_NAME,
  type UpdateFile,
} from "./file.schema.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long a deleted file can be restored; then its bytes go. */
export const RETENTION_MS = 30 * DAY_MS;

/** Throws `not_found`, for a file of another space too. */
export async function get(ctx: Ctx, fileId: Id<"file">): Promise<File> {
  return toFile(await getLive(ctx, target(ctx, fileId)));
}

/** Newest first. Deleted files are listed only where asked for. */
export async function list(ctx: Ctx, input: ListFiles): Promise<Page<File>> {
  const spaceId = requireSpace(ctx);
  const { q, status, contentType, tag, source, limit, cursor } = input;
  const search = searchFilter(q);
  const query = FileEntity.query.primary({ spaceId }).where((attr, op) => {
    const conditions = [status === "deleted" ? op.exists(attr.deletedAt) : op.notExists(attr.deletedAt)];
    if (status && status !== "deleted") conditions.push(op.eq(attr.status, status));
    if (contentType) conditions.push(op.begins(attr.contentType, contentType.toLowerCase()));
    if (tag) conditions.push(op.contains(attr.tags, tag as never));
    if (source) conditions.push(op.eq(attr.source, source));
    if (search) conditions.push(search(attr as never, op as never));
    return conditions.join(" AND ");
  });
  const scope = { operation: "listFiles", spaceId, filters: { q, status, contentType, tag, source } };
  const page = await listPage(query, { scope, limit, cursor });
  return { items: page.items.map(toFile), nextCursor: page.nextCursor };
}

/** Renames, tags, annotates; what is in the file never changes. */
export async function update(ctx: Ctx, { fileId, ...input }: UpdateFile & { fileId: Id<"file"> }): Promise<File> {
  const { expectedRevision, name, tags, metadata } = input;
  const set = { tags, metadata, ...(name === undefined ? {} : { name, searchText: searchText(name) }) };
  return toFile(await updateWithRevision(ctx, target(ctx, fileId), { set, expectedRevision }));
}

/** Takes the file out of sight; it can be restored for {@link RETENTION_MS}. An upload that goes on has to be aborted. */
export async function remove(ctx: Ctx, fileId: Id<"file">): Promise<void> {
  const row = await getLive(ctx, target(ctx, fileId));
  if (row.status === "uploading") throw conflict("the file is being uploaded: abort the upload");
  const set = dueKeys(fileId, isoTime(ctx.clock.now() + RETENTION_MS));
  await softDelete(ctx, target(ctx, fileId), { set, expectedRevision: row.revision });
}

/** Throws `not_found` for a file whose retention is over and `conflict` for one that is not deleted. */
export async function restore(ctx: Ctx, fileId: Id<"file">): Promise<File> {
  const row = await getAny(target(ctx, fileId));
  const now = ctx.clock.now();
  if (row?.deletedAt && row.dueAt <= isoTime(now)) throw notFound("file", fileId);
  // What failed is no more than a note of it, and goes in its time.
  const due = row?.status === "failed" ? isoTime(now + RETENTION_MS) : NEVER;
  return toFile(await restoreRow(ctx, target(ctx, fileId), { set: dueKeys(fileId, due) }));
}

/** A link by which the file can be fetched for a while, by anybody who has it. Throws `conflict` for one that is not ready. */
export async function download(ctx: Ctx, fileId: Id<"file">, input: DownloadFile): Promise<FileLink> {
  const row = await readyRow(ctx, fileId);
  const { name, contentType, size, storageKey: key } = row;
  const { expiresInSeconds, disposition } = input;
  const asAttachment = disposition === "attachment";
  const request = await presignGet(ctx, { key, fileName: name, contentType, asAttachment, expiresInSeconds });
  return { ...request, id: fileId, name, contentType, size };
}

/** The row of a file that can be read. Throws `not_found` and, where it is not ready, `conflict`. */
export async function readyRow(ctx: Ctx, fileId: Id<"file">): Promise<FileRow> {
  const row = await getLive(ctx, target(ctx, fileId));
  if (row.status !== "ready") throw conflict(`file ${fileId} is ${row.status}, not ready`);
  return row;
}

/** Files by id in the order given; null for one that is not there or deleted. */
export async function find(ctx: Ctx, fileIds: readonly string[]): Promise<(File | null)[]> {
  const rows = await getMany(fileIds.map((fileId) => ({ entity: FileEntity, key: target(ctx, fileId).key })));
  return rows.map((row) => (row && !row.deletedAt ? toFile(row) : null));
}

/** The space of a file that a call names without one; the caller checks who may enter it. Throws `not_found`. */
export async function spaceOf(fileId: Id<"file">): Promise<Id<"space">> {
  const { data } = await read(() => FileEntity.query.byId({ fileId }).go({ limit: 1 }));
  const [row] = data;
  if (!row || row.deletedAt) throw notFound("file", fileId);
  return row.spaceId as Id<"space">;
}

export function target(ctx: Ctx, fileId: string): Target<typeof FileEntity> {
  return { entity: FileEntity, key: { spaceId: requireSpace(ctx), fileId }, what: "file", id: fileId };
}

/** Where the bytes of a row's file are. */
export function fullKey(ctx: Ctx, row: Pick<FileRow, "storageKey">): string {
  return objectKey(ctx, row.storageKey);
}

/** What every new row has. The key holds the id and nothing that a person wrote. */
export function newRow(ctx: Ctx, fileId: string, name: string, due: string) {
  return {
    spaceId: requireSpace(ctx),
    fileId,
    name,
    storageKey: `files/${fileId}`,
    searchText: searchText(name),
    ...dueKeys(fileId, due),
    ...created(ctx),
  };
}

/** `pdf` of `May.PDF`; empty where the name has none. */
export function extensionOf(name: string): string {
  return /[^.]\.([a-z0-9]{1,16})$/i.exec(name)?.[1]?.toLowerCase() ?? "";
}

/** The last part of what may be a path, without what no name may hold: senders of forms write all sorts of names. */
export function plainName(text: string): string {
  const last = text.toWellFormed().split(/[/\\]/).at(-1) ?? "";
  const plain = last.replace(/[\p{Cc}\p{Bidi_Control}]/gu, "").trim();
  const extension = extensionOf(plain);
  const short =
    plain.length <= MAX_FILE_NAME
      ? plain
      : `${plain.slice(0, MAX_FILE_NAME - extension.length - 1).toWellFormed()}.${extension}`;
  return short === "" || /^\.+$/.test(short) ? "file" : short;
}

/** The API's form of a row: without keys and what only the upload needs. */
export function toFile(row: FileRow): File {
  const { sha256, failure, sourceId, deletedAt } = row;
  const { name, contentType, size, source, tags, metadata, revision, createdAt, updatedAt, createdBy } = row;
  return {
    id: row.fileId as File["id"],
    spaceId: row.spaceId as File["spaceId"],
    ...{ name, extension: extensionOf(name), contentType, size, source, tags, metadata, revision },
    sha256: sha256 ?? null,
    status: deletedAt ? "deleted" : row.status,
    failure: failure ?? null,
    sourceId: sourceId ?? null,
    ...{ createdAt, updatedAt, createdBy },
    ...(deletedAt ? { deletedAt } : {}),
  };
}
