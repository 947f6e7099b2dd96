import type { ObjectStore } from "./fauxqs.ts";

/** What the hooks look at in a request to S3. */
export interface ObjectRequest {
  method: string;
  headers: Record<string, string | string[] | undefined>;
  query: unknown;
  params: unknown;
}

export interface Refusal {
  status: number;
  code: string;
  message: string;
}

/** The name of S3's event for a request that creates an object. */
export type CreatedEvent = "Put" | "Copy" | "CompleteMultipartUpload";

export function bucketAndKey({ params }: ObjectRequest): { bucket: string; key: string } {
  const { bucket = "", "*": key = "" } = (params ?? {}) as Record<string, string>;
  return { bucket, key };
}

function queryOf(request: ObjectRequest): Record<string, string | undefined> {
  return (request.query ?? {}) as Record<string, string | undefined>;
}

/** Which event a request will cause when it succeeds, if it creates an object. */
export function createdEvent(request: ObjectRequest): CreatedEvent | undefined {
  const query = queryOf(request);
  if (bucketAndKey(request).key === "") return;
  if (request.method === "POST") return query.uploadId === undefined ? undefined : "CompleteMultipartUpload";
  if (request.method !== "PUT" || query.uploadId !== undefined || query.renameObject !== undefined) return;
  return request.headers["x-amz-copy-source"] === undefined ? "Put" : "Copy";
}

/** S3's preconditions of a write, which fauxqs knows for reads only. */
export function refuseWrite(request: ObjectRequest, store: ObjectStore): Refusal | undefined {
  const isDelete = request.method === "DELETE" && queryOf(request).uploadId === undefined;
  if (!isDelete && createdEvent(request) === undefined) return;
  const { bucket, key } = bucketAndKey(request);
  if (!store.hasBucket(bucket)) return;
  const etag = etagOf(store, bucket, key);
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = request.headers;
  if (ifNoneMatch !== undefined && ifNoneMatch !== "*") {
    return { status: 501, code: "NotImplemented", message: "If-None-Match of a write takes * only" };
  }
  if (ifNoneMatch === "*" && etag !== undefined) return FAILED;
  if (typeof ifMatch !== "string") return;
  if (etag === undefined) return { status: 404, code: "NoSuchKey", message: "The specified key does not exist." };
  return ifMatch === "*" || bare(ifMatch) === bare(etag) ? undefined : FAILED;
}

const FAILED: Refusal = {
  status: 412,
  code: "PreconditionFailed",
  message: "At least one of the pre-conditions you specified did not hold",
};

/** A tag without its quotes. */
export function bare(etag: string): string {
  return etag.replaceAll('"', "");
}

/** The tag of the object, or undefined when there is none. */
export function etagOf(store: ObjectStore, bucket: string, key: string): string | undefined {
  try {
    return store.headObject(bucket, key).etag;
  } catch {
    return;
  }
}

/** A presigned address is good until its date and lifetime are over; its signature is not checked here. */
export function refuseExpired(request: ObjectRequest, now: number): Refusal | undefined {
  const query = queryOf(request);
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/
    .exec(query["X-Amz-Date"] ?? "")
    ?.slice(1)
    .map(Number);
  if (!parts || query["X-Amz-Expires"] === undefined) return;
  const [year = 0, month = 1, ...rest] = parts;
  const signedAt = Date.UTC(year, month - 1, ...rest);
  if (now <= signedAt + Number(query["X-Amz-Expires"]) * 1000) return;
  return { status: 403, code: "AccessDenied", message: "Request has expired" };
}

/** Headers that a presigned address asks its answer to carry: `response-content-disposition` and the like. */
export function askedHeaders(request: ObjectRequest): [string, string][] {
  if (request.method !== "GET") return [];
  return Object.entries(queryOf(request)).flatMap(([name, value]) =>
    name.startsWith("response-") && value !== undefined ? [[name.slice("response-".length), value]] : [],
  );
}

export function refusalXml({ code, message }: Refusal): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}
