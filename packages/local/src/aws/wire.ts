/** A request as the stand-ins see it, whatever server took it. */
export interface AwsRequest {
  method: string;
  /** With its query. */
  path: string;
  /** The X-Amz-Target header of the JSON protocols. */
  target?: string;
  body: string;
}

export interface AwsResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** One service of the local cloud: answers what is its own, and undefined for what is not. */
export interface AwsService {
  handle(request: AwsRequest): Promise<AwsResponse | undefined>;
}

export type Json = Record<string, unknown>;

/** A refusal in the service's own words. */
export class AwsError extends Error {
  override readonly name = "AwsError";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Answers a request of a JSON protocol: the value as the body, an {@link AwsError} as the protocol's error. */
export async function answerJson(work: () => unknown, contentType: string): Promise<AwsResponse> {
  try {
    return respond(200, (await work()) ?? {}, contentType);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const body = { __type: error.code, message: error.message, Message: error.message };
    return respond(error.status, body, contentType, { "x-amzn-errortype": error.code });
  }
}

function respond(status: number, value: unknown, contentType: string, more: Record<string, string> = {}): AwsResponse {
  return { status, headers: { "content-type": contentType, ...more }, body: JSON.stringify(value) };
}

export const AWS_JSON = "application/x-amz-json-1.1";
export const REST_JSON = "application/json";

/** A request's body; throws as the services do when it is not an object. */
export function parseBody(body: string): Json {
  try {
    const value: unknown = body === "" ? {} : JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  } catch {
    // Answered below, as any other body that is not an object.
  }
  throw new AwsError("SerializationException", "the body is not a JSON object");
}

/** A field that must be text. */
export function textOf(input: Json, name: string): string {
  const value = input[name];
  if (typeof value === "string" && value !== "") return value;
  throw new AwsError("ValidationException", `${name} is required`);
}
