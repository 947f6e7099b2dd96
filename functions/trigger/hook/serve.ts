import { createHash } from "node:crypto";
import { challengeOf, type Proof, proofNames, prove } from "@weft/core/trigger/webhook.auth";
import type { CallData, IncomingFile } from "@weft/core/trigger/webhook.call";
import { arrivedOf, type Incoming, noteRefusal } from "@weft/core/trigger/webhook.delivery";
import { claimRun, deliveryKey } from "@weft/core/trigger/webhook.key";
import { takeTest } from "@weft/core/trigger/webhook.listen";
import { findWebhook } from "@weft/core/trigger/webhook.lookup";
import { matchRoute } from "@weft/core/trigger/webhook.match";
import type { SignedRequest } from "@weft/core/trigger/webhook.signature";
import { isRecord } from "@weft/engine/values/json";
import type { RawInput, RawRequest } from "@weft/http/raw";
import { json, type Reply } from "@weft/http/reply";
import { nativeDialect } from "@weft/http/respond";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError, forbidden, notFound } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import { isAllowedAddress } from "./address.ts";
import { type Hook, jsonReply } from "./answer.ts";
import { type ParsedBody, parseBody } from "./body.ts";
import { corsHeaders, preflightHeaders } from "./cors.ts";
import { proofDeps } from "./deps.ts";
import { answerCall } from "./start.ts";
import { announce, handOut, UPLOAD_HEADER, uploaded } from "./upload.ts";

const TEST = "/-/test";
const UPLOADS = "/-/uploads";

/** A request to a webhook, taken apart. */
interface Arriving {
  hook: Hook;
  request: RawRequest;
  /** Below the webhook. */
  path: string;
  isTest: boolean;
}

/** Answers a call of a webhook. Every refusal says as little as it can, and is noted for the webhook's owner. */
export async function serveHook({
  params,
  request,
  ctx,
}: RawInput<{ webhookId: Id<"webhook"> }>): Promise<Reply<never>> {
  const { webhookId } = params;
  const row = await findWebhook(webhookId);
  if (!row) throw notFound("webhook", webhookId);
  const space = systemCtx("trigger", {
    spaceId: row.spaceId as Id<"space">,
    clock: ctx.clock,
    requestId: ctx.requestId,
  });
  const cookiePath = request.fullPath.slice(0, request.fullPath.indexOf(webhookId) + webhookId.length);
  const below = request.path.slice(request.path.indexOf(webhookId) + webhookId.length);
  const isTest = below === TEST || below.startsWith(`${TEST}/`);
  const arriving = { hook: { row, cookiePath }, request, path: isTest ? below.slice(TEST.length) : below, isTest };
  const headers = corsHeaders(row, request);
  try {
    return await serve(space, arriving, headers);
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code === "internal") throw thrown;
    return refusal(space, arriving, thrown, headers);
  }
}

async function serve(ctx: Ctx, arriving: Arriving, headers: Record<string, string>): Promise<Reply<never>> {
  const { hook, request, path, isTest } = arriving;
  const { row } = hook;
  if (!isTest && path === UPLOADS) return serveUpload(ctx, arriving, headers);
  const match = matchRoute(row.routes, request.method, path);
  if (!match) throw notFound("webhook", row.webhookId);
  if ("allow" in match) {
    const allow = [...match.allow, "HEAD", "OPTIONS"].sort();
    if (request.method === "OPTIONS") {
      const preflight = preflightHeaders(row, request, match.allow);
      return json(undefined as never, { status: 204, headers: { ...preflight, allow: allow.join(", ") } });
    }
    // Nobody starts anything by asking whether it is there.
    if (request.method === "HEAD") return json(undefined as never, { status: 200, headers });
    throw new AppError("method_not_allowed", `this path takes ${allow.join(", ")}`, { details: { allow } });
  }
  admit(arriving);
  const raw = request.body();
  const word = request.headers[UPLOAD_HEADER];
  const proof = word === undefined ? await proofOf(ctx, arriving, raw) : {};
  if (raw.byteLength > row.body.maxBytes) throw await tooLarge(ctx, arriving, raw);
  const body =
    word === undefined ? await parseBody(raw, request.headers["content-type"]) : await fileBody(ctx, arriving, word);
  const challenge = slackChallenge(arriving, body);
  if (challenge) return jsonReply(challenge, { headers });
  const { signed, incoming } = views(arriving, raw, body);
  const arrived = arrivedOf(row, incoming);
  if (isTest) await takeTest(ctx, row, arrived);
  const key = word === undefined ? deliveryKey(row, signed, body.value, proof) : { key: `upload:${word}`, mark: "" };
  const claim = await claimRun(ctx, row, isTest ? undefined : key);
  const data = dataOf(arriving, match.params, raw, body, proof);
  // Files come into the body as they are kept: it stays the object that they are put into.
  const files = body.files.map(
    (file): IncomingFile => ({
      ...file,
      put: (kept) => {
        file.put(kept);
        data.body = body.value;
      },
    }),
  );
  return answerCall(ctx, { hook, call: { data, files, isTest }, claim, arrived }, { headers });
}

/** Throws for a webhook that is stopped, and for an address that is not let in. */
function admit({ hook, request }: Arriving): void {
  const { pausedAt, ipAllow } = hook.row;
  if (ipAllow && !isAllowedAddress(ipAllow, request.ip)) throw forbidden("this address may not call");
  if (pausedAt !== undefined) throw new AppError("unavailable", "the webhook is paused", { retryable: true });
}

function proofOf(ctx: Ctx, arriving: Arriving, raw: Buffer): Promise<Proof> {
  return prove(ctx, proofDeps, arriving.hook.row, signedOf(arriving, raw));
}

async function serveUpload(ctx: Ctx, arriving: Arriving, headers: Record<string, string>): Promise<Reply<never>> {
  const { hook, request } = arriving;
  if (request.method === "OPTIONS") {
    const preflight = preflightHeaders(hook.row, request, ["POST"]);
    return json(undefined as never, { status: 204, headers: { ...preflight, allow: "OPTIONS, POST" } });
  }
  if (request.method !== "POST") {
    throw new AppError("method_not_allowed", "this path takes OPTIONS, POST", {
      details: { allow: ["OPTIONS", "POST"] },
    });
  }
  admit(arriving);
  const raw = request.body();
  await proofOf(ctx, arriving, raw);
  return jsonReply(await announce(ctx, hook.row, raw), { status: 201, headers });
}

/** Whoever may call is handed out at once what a larger body takes. */
async function tooLarge(ctx: Ctx, { hook, request }: Arriving, raw: Buffer): Promise<AppError> {
  const { row } = hook;
  const { maxBytes, maxUploadBytes } = row.body;
  const details: Record<string, unknown> = {
    maxBytes,
    webhook: { method: "POST", path: `/hooks/${row.webhookId}${UPLOADS}` },
  };
  const sha256 = createHash("sha256").update(raw).digest("hex");
  if (raw.byteLength <= maxUploadBytes) {
    const contentType = request.headers["content-type"]?.split(";")[0]?.trim() || "application/octet-stream";
    details.upload = await handOut(ctx, row, { name: "body", contentType, size: raw.byteLength, sha256 });
  }
  return new AppError("too_large", `a body has at most ${maxBytes} bytes`, { details });
}

async function fileBody(ctx: Ctx, { hook }: Arriving, word: string): Promise<ParsedBody> {
  const { id, name, contentType, size } = await uploaded(ctx, hook.row, word);
  const file = { id, name, contentType, size };
  return { contentType, value: file, files: [] };
}

/** Slack asks once whether an address is meant for it. */
function slackChallenge({ hook }: Arriving, { value }: ParsedBody): { challenge: string } | undefined {
  if (hook.row.auth.type !== "slack" || !isRecord(value) || value.type !== "url_verification") return undefined;
  return typeof value.challenge === "string" ? { challenge: value.challenge } : undefined;
}

/** The addresses that the caller may have written: by the name that it used, or by the API's own, as either writes a query. */
function urlsOf({ host, fullPath, headers, query }: RawRequest): string[] {
  const pairs = Object.entries(query).flatMap(([name, values]) => values.map((value) => [name, value] as const));
  const texts = [
    new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString(),
    pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&"),
    pairs.map(([name, value]) => `${name}=${value}`).join("&"),
  ];
  const protocol = headers["x-forwarded-proto"] ?? "https";
  const hosts = [host, headers.host ?? host];
  const urls = hosts.flatMap((name) =>
    texts.map((text) => `${protocol}://${name}${fullPath}${text === "" ? "" : `?${text}`}`),
  );
  return [...new Set(urls)];
}

function signedOf({ request, path }: Arriving, raw: Buffer): SignedRequest {
  const { method, headers, query } = request;
  return { method, path: path === "" ? "/" : path, urls: urlsOf(request), headers, query, rawBody: raw };
}

function views(arriving: Arriving, raw: Buffer, body: ParsedBody): { signed: SignedRequest; incoming: Incoming } {
  const { method, headers, query, ip } = arriving.request;
  const signed = signedOf(arriving, raw);
  const { contentType } = body;
  return {
    signed,
    incoming: {
      method,
      path: signed.path,
      query: single(query),
      headers,
      contentType,
      size: raw.byteLength,
      body: body.value,
      ip,
    },
  };
}

/** A parameter that comes once is its value, one that comes again the list of them. */
function single(query: RawRequest["query"], hidden: ReadonlySet<string> = new Set()): Record<string, unknown> {
  const entries = Object.entries(query).filter(([name]) => !hidden.has(name));
  return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

function dataOf(
  arriving: Arriving,
  params: Record<string, string>,
  raw: Buffer,
  body: ParsedBody,
  proof: Proof,
): CallData {
  const { hook, request, path } = arriving;
  const { row } = hook;
  const hidden = proofNames(row.auth);
  const headers = Object.entries(request.headers).filter(
    ([name, value]) => value !== undefined && !hidden.headers.has(name),
  );
  return {
    method: request.method,
    path: path === "" ? "/" : path,
    params,
    query: single(request.query, hidden.query),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: body.value,
    ...(row.body.keepsRaw ? { rawBody: raw.toString("utf8") } : {}),
    files: [],
    contentType: body.contentType,
    ip: request.ip,
    webhookId: row.webhookId,
    ...(proof.claims ? { claims: proof.claims } : {}),
  };
}

async function refusal(
  ctx: Ctx,
  arriving: Arriving,
  error: AppError,
  cors: Record<string, string>,
): Promise<Reply<never>> {
  const { hook, request, path } = arriving;
  if (["unauthenticated", "forbidden", "unsupported_media_type", "too_large"].includes(error.code)) {
    const { method, headers, query, ip } = request;
    const contentType = headers["content-type"] ?? null;
    const size = Number(headers["content-length"] ?? 0) || 0;
    await noteRefusal(ctx, hook.row, error, {
      method,
      path,
      query: single(query),
      headers,
      contentType,
      size,
      body: null,
      ip,
    });
  }
  const { status, body } = nativeDialect.renderError(error, ctx.requestId);
  const challenge = error.code === "unauthenticated" ? challengeOf(hook.row.auth) : undefined;
  const details = error.details as { allow?: string[]; retryAfterSeconds?: number } | undefined;
  const headers = {
    ...cors,
    ...(challenge === undefined ? {} : { "www-authenticate": challenge }),
    ...(details?.allow ? { allow: details.allow.join(", ") } : {}),
    ...(details?.retryAfterSeconds === undefined
      ? {}
      : { "retry-after": String(Math.ceil(details.retryAfterSeconds)) }),
  };
  return jsonReply(body, { status, headers });
}
