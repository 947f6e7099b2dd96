import * as Content from "@weft/core/file/file.content";
import {
  CompleteUpload,
  CreatedUpload,
  CreateUpload,
  downloadQuery,
  FileLink,
  FileName,
  FilePage,
  File as FileSchema,
  listFilesQuery,
  SignedParts,
  SignParts,
  UpdateFile,
} from "@weft/core/file/file.schema";
import * as File from "@weft/core/file/file.service";
import * as Upload from "@weft/core/file/file.upload";
import { formFile, MULTIPART } from "@weft/http/form";
import { json } from "@weft/http/reply";
import { type Route, route } from "@weft/http/route";
import { Tags } from "@weft/kernel/labels";
import * as z from "zod";

const ALL = "/api/spaces/{spaceId}/files";
const ONE = `${ALL}/{fileId}` as const;
const UPLOADS = `${ALL}/uploads` as const;
const files = { tags: ["files"] } as const;

const UploadFile = z
  .object({ file: formFile, name: FileName.optional(), tags: Tags.optional() })
  .meta({ id: "UploadFile" });

const uploadRoutes: Route[] = [
  route(
    {
      ...files,
      method: "POST",
      path: ALL,
      operationId: "uploadFile",
      summary: "Upload a small file in one request",
      description:
        "A form with the file in the field `file`, up to 4 MiB in all. Larger ones go straight to the file store: " +
        "see createUpload, which the refusal of a larger body names.",
      permission: "file:write",
      consumes: [MULTIPART],
      larger: UPLOADS,
      status: 201,
      body: UploadFile,
      response: FileSchema,
      errors: ["unsupported_media_type"],
    },
    ({ ctx, body }) => {
      const { file, name = file.name, tags = [] } = body;
      const { bytes, contentType } = file;
      return Content.createFile(ctx, { name, bytes, contentType, tags, source: "upload" });
    },
  ),
  route(
    {
      ...files,
      method: "POST",
      path: UPLOADS,
      operationId: "createUpload",
      summary: "Begin an upload of up to 5 GB straight to the file store",
      description:
        "Answers the file to come and one signed PUT, which takes exactly the announced type and length, once; or, for " +
        "large files, the size of the parts, whose links signUploadParts gives. completeUpload makes the file ready.",
      permission: "file:write",
      status: 201,
      body: CreateUpload,
      response: CreatedUpload,
    },
    ({ ctx, body }) => Upload.createUpload(ctx, body),
  ),
  route(
    {
      ...files,
      method: "POST",
      path: `${ONE}/parts`,
      operationId: "signUploadParts",
      summary: "Links to parts of an upload",
      permission: "file:write",
      audit: false,
      body: SignParts,
      response: SignedParts,
    },
    ({ ctx, params, body }) => Upload.signParts(ctx, params.fileId, body.partNumbers),
  ),
  route(
    {
      ...files,
      method: "POST",
      path: `${ONE}/complete`,
      operationId: "completeUpload",
      summary: "Check what was uploaded and make the file ready",
      description:
        "The size, the type that the bytes show and the SHA-256, where one was announced, must be right; otherwise the " +
        "file has failed and its bytes are removed. A repeat answers the ready file.",
      permission: "file:write",
      body: CompleteUpload,
      response: FileSchema,
      errors: ["unprocessable"],
    },
    ({ ctx, params, body }) => Upload.completeUpload(ctx, params.fileId, body),
  ),
  route(
    {
      ...files,
      method: "POST",
      path: `${ONE}/abort`,
      operationId: "abortUpload",
      summary: "Give an upload up",
      permission: "file:write",
      response: FileSchema,
    },
    ({ ctx, params }) => Upload.abortUpload(ctx, params.fileId),
  ),
];

const fileRoutes: Route[] = [
  route(
    {
      ...files,
      method: "GET",
      path: ALL,
      operationId: "listFiles",
      summary: "Files of a space, newest first",
      permission: "file:read",
      query: listFilesQuery,
      response: FilePage,
    },
    ({ ctx, query }) => File.list(ctx, query),
  ),
  route(
    {
      ...files,
      method: "GET",
      path: ONE,
      operationId: "getFile",
      summary: "Get what is known of a file",
      permission: "file:read",
      response: FileSchema,
    },
    ({ ctx, params }) => File.get(ctx, params.fileId),
  ),
  route(
    {
      ...files,
      method: "GET",
      path: `${ONE}/download`,
      operationId: "downloadFile",
      summary: "A link to the file's content that is good for a while",
      permission: "file:read",
      query: downloadQuery,
      response: FileLink,
      errors: ["conflict"],
    },
    async ({ ctx, params, query: { redirect, ...query } }) => {
      const link = await File.download(ctx, params.fileId, query);
      return redirect ? json(link, { status: 302, headers: { location: link.url } }) : link;
    },
  ),
  route(
    {
      ...files,
      method: "PATCH",
      path: ONE,
      operationId: "updateFile",
      summary: "Rename a file, or change its tags and metadata",
      permission: "file:write",
      body: UpdateFile,
      response: FileSchema,
    },
    ({ ctx, params, body }) => File.update(ctx, { ...body, fileId: params.fileId }),
  ),
  route(
    {
      ...files,
      method: "DELETE",
      path: ONE,
      operationId: "deleteFile",
      summary: "Delete a file; it can be restored for 30 days",
      permission: "file:delete",
      response: null,
    },
    async ({ ctx, params }) => {
      await File.remove(ctx, params.fileId);
      return undefined;
    },
  ),
  route(
    {
      ...files,
      method: "POST",
      path: `${ONE}/restore`,
      operationId: "restoreFile",
      summary: "Bring a deleted file back",
      permission: "file:delete",
      response: FileSchema,
    },
    ({ ctx, params }) => File.restore(ctx, params.fileId),
  ),
];

export const routes: Route[] = [...uploadRoutes, ...fileRoutes];
