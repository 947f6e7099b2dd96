import type { File } from "@weft/core/file/file.schema";
import { completeUpload, createUpload } from "@weft/core/file/file.upload";
import type { WebhookRow } from "@weft/core/trigger/webhook.entity";
import { isLinkToken, linkToken } from "@weft/core/trigger/webhook.link";
import { AnnounceUpload } from "@weft/core/trigger/webhook.schema";
import { parseJson, parseWith } from "@weft/http/parse";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidField, unauthenticated } from "@weft/kernel/errors";
import { isId } from "@weft/kernel/ids";

/** Carries the word that was handed out with an upload; a call that has it brings the uploaded file as its body. */
export const UPLOAD_HEADER = "x-weft-upload";

/** Ways of proof that cover the body: what is uploaded has to be covered as well, by its hash. */
const SIGNING: ReadonlySet<string> = new Set(["github", "stripe", "slack", "shopify", "twilio", "hmac"]);

/** What a caller is handed out for a body that is too large for a call: a signed upload, and how its run is then started. */
export async function handOut(ctx: Ctx, row: WebhookRow, announced: AnnounceUpload) {
  const { maxUploadBytes } = row.body;
  if (announced.size > maxUploadBytes) {
    throw new AppError("too_large", `an upload has at most ${maxUploadBytes} bytes`, {
      details: { maxBytes: maxUploadBytes },
    });
  }
  if (SIGNING.has(row.auth.type) && announced.sha256 === undefined) {
    throw invalidField("sha256", "is what the signature of an upload covers");
  }
  const { name, contentType, size, sha256 } = announced;
  const upload = await createUpload(ctx, {
    ...{ name, contentType, size, mode: "single", tags: [], metadata: { webhookId: row.webhookId } },
    ...(sha256 === undefined ? {} : { sha256 }),
  });
  const { id } = upload.file;
  return {
    uploadId: id,
    request: upload.request,
    expiresAt: upload.expiresAt,
    finish: {
      path: `/hooks/${row.webhookId}`,
      headers: { [UPLOAD_HEADER]: `${id}.${linkToken(row, "upload", id)}` },
    },
  };
}

/** The same for whoever announces an upload by itself. */
export function announce(ctx: Ctx, row: WebhookRow, raw: Buffer) {
  return handOut(ctx, row, parseWith(AnnounceUpload, parseJson(raw.toString("utf8")), "body"));
}

/** The file of a call that brings one by its word. Throws `unauthenticated` for a word that was not handed out here. */
export async function uploaded(ctx: Ctx, row: WebhookRow, word: string): Promise<File> {
  const [fileId = "", token = ""] = word.split(".");
  if (!isId("file", fileId) || !isLinkToken(row, "upload", fileId, token)) {
    throw unauthenticated("the call could not be authenticated");
  }
  return completeUpload(ctx, fileId, {});
}
