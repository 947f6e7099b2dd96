import * as Content from "@weft/core/file/file.content";
import type { File as FileView } from "@weft/core/file/file.schema";
import * as File from "@weft/core/file/file.service";
import { formFile, MULTIPART } from "@weft/http/form";
import { route } from "@weft/http/route";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, notFound } from "@weft/kernel/errors";
import { idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import { defaultSpace, enter } from "../space.ts";

const CozeFile = z
  .object({
    code: z.literal(0),
    msg: z.string(),
    data: z.object({
      id: z.string(),
      uri: z.string(),
      url: z.string(),
      bytes: z.int(),
      file_name: z.string(),
      created_at: z.int().meta({ description: "In seconds since the epoch" }),
    }),
    detail: z.object({ logid: z.string() }),
  })
  .meta({ id: "CozeFile" });

const coze = { tags: ["coze"], permission: "authenticated", unknownFields: "strip", response: CozeFile } as const;

async function answer(ctx: Ctx, file: FileView): Promise<z.input<typeof CozeFile>> {
  const { url } = await File.download(ctx, file.id, { disposition: "inline" });
  const created_at = Math.floor(Date.parse(file.createdAt) / 1000);
  const data = { id: file.id, uri: file.id, url, bytes: file.size, file_name: file.name, created_at };
  return { code: 0, msg: "", data, detail: { logid: ctx.requestId } };
}

export const fileRoutes = [
  route(
    {
      ...coze,
      method: "POST",
      path: "/v1/files/upload",
      operationId: "cozeUploadFile",
      summary: "Upload a file, as Coze's clients do",
      consumes: [MULTIPART],
      body: z.object({ file: formFile }).meta({ id: "CozeUploadFile" }),
      errors: ["not_found", "forbidden"],
    },
    async ({ ctx, body, headers }) => {
      await enter(ctx, await defaultSpace(ctx, headers), { permission: "file:write", mutating: true });
      const { name, bytes, contentType } = body.file;
      return answer(ctx, await Content.createFile(ctx, { name, bytes, contentType, source: "upload" }));
    },
  ),
  route(
    {
      ...coze,
      method: "GET",
      path: "/v1/files/retrieve",
      operationId: "cozeRetrieveFile",
      summary: "Get what is known of a file, as Coze's clients do",
      query: { file_id: idSchema("file") },
      errors: ["not_found", "forbidden", "conflict"],
    },
    async ({ ctx, query }) => {
      const { file_id: id } = query;
      await enter(ctx, await File.spaceOf(id), { permission: "file:read", mutating: false }).catch((thrown) => {
        // A space that is not the caller's is no more there than a file that does not exist.
        throw thrown instanceof AppError && thrown.code === "not_found" ? notFound("file", id) : thrown;
      });
      return answer(ctx, await File.get(ctx, id));
    },
  ),
];
