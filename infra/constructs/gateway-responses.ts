import { ResponseType, type RestApi } from "aws-cdk-lib/aws-apigateway";

/** One refusal of API Gateway itself, in words that every dialect of the API can read. */
export interface Refusal {
  readonly type: ResponseType;
  /** Absent for the two defaults, which keep the status that API Gateway chose. */
  readonly status?: number;
  /** Our error code; a test holds it to the kernel's map of codes and statuses. */
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a function answers of a body above its own limit; API Gateway refuses larger ones before it is asked. */
const LARGER_BODIES = {
  maxBytes: 4 * 1024 * 1024,
  upload: { method: "POST", path: "/api/spaces/{spaceId}/files/uploads" },
  /** Of a call of a webhook, whose callers have no account. */
  webhook: { method: "POST", path: "/hooks/{webhookId}/-/uploads" },
};

const refusal = (type: ResponseType, status: number, code: string, message: string): Refusal => ({
  type,
  status,
  code,
  message,
});

export const REFUSALS: readonly Refusal[] = [
  refusal(ResponseType.ACCESS_DENIED, 403, "forbidden", "not allowed"),
  refusal(ResponseType.API_CONFIGURATION_ERROR, 500, "internal", "internal error"),
  refusal(ResponseType.AUTHORIZER_CONFIGURATION_ERROR, 500, "internal", "internal error"),
  refusal(ResponseType.AUTHORIZER_FAILURE, 500, "internal", "internal error"),
  refusal(ResponseType.BAD_REQUEST_BODY, 400, "invalid_input", "the body is not valid"),
  refusal(ResponseType.BAD_REQUEST_PARAMETERS, 400, "invalid_input", "a parameter is not valid"),
  refusal(ResponseType.EXPIRED_TOKEN, 401, "unauthenticated", "the token has expired"),
  refusal(ResponseType.INTEGRATION_FAILURE, 502, "upstream", "the function did not answer"),
  refusal(ResponseType.INTEGRATION_TIMEOUT, 504, "timeout", "the function did not answer in time"),
  refusal(ResponseType.INVALID_API_KEY, 401, "unauthenticated", "the API key is not valid"),
  refusal(ResponseType.INVALID_SIGNATURE, 401, "unauthenticated", "the signature is not valid"),
  // API Gateway's word for a path or method that no resource has.
  refusal(ResponseType.MISSING_AUTHENTICATION_TOKEN, 404, "not_found", "no such path"),
  refusal(ResponseType.QUOTA_EXCEEDED, 429, "rate_limited", "quota exceeded"),
  {
    ...refusal(ResponseType.REQUEST_TOO_LARGE, 413, "too_large", "the request is too large"),
    details: LARGER_BODIES,
  },
  refusal(ResponseType.RESOURCE_NOT_FOUND, 404, "not_found", "no such path"),
  refusal(ResponseType.THROTTLED, 429, "rate_limited", "too many requests"),
  refusal(ResponseType.UNAUTHORIZED, 401, "unauthenticated", "authentication required"),
  refusal(ResponseType.UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type", "this media type is not supported"),
  refusal(ResponseType.WAF_FILTERED, 403, "forbidden", "refused by the firewall"),
  { type: ResponseType.DEFAULT_4XX, code: "invalid_input", message: "the request was refused" },
  { type: ResponseType.DEFAULT_5XX, code: "internal", message: "internal error" },
];

/** OpenAI's error types; anything that is not named here is one of these by its status. */
const OPENAI_TYPE: Record<string, string> = {
  unauthenticated: "authentication_error",
  forbidden: "permission_error",
  not_found: "not_found_error",
  rate_limited: "rate_limit_error",
};

/** Coze's numeric codes by ours, as its published clients read them. */
const COZE_CODE: Record<string, number> = {
  unauthenticated: 4100,
  forbidden: 4101,
  not_found: 4200,
  rate_limited: 4013,
};
const COZE_BAD_REQUEST = 4000;
const COZE_SERVER_ERROR = 5000;

function isServerError(code: string): boolean {
  return ["internal", "upstream", "timeout", "unavailable"].includes(code);
}

/** The body as a mapping template: API Gateway fills in the request's id. */
export function refusalBody({ code, message, details }: Refusal): string {
  return JSON.stringify({
    code: COZE_CODE[code] ?? (isServerError(code) ? COZE_SERVER_ERROR : COZE_BAD_REQUEST),
    msg: message,
    error: {
      code,
      message,
      type: OPENAI_TYPE[code] ?? (isServerError(code) ? "server_error" : "invalid_request_error"),
      requestId: "$context.requestId",
      ...(details === undefined ? {} : { details }),
    },
  });
}

/** Gives every refusal of API Gateway the one body. */
export function addRefusals(api: RestApi): void {
  for (const entry of REFUSALS) {
    const { type, status, code } = entry;
    api.addGatewayResponse(type.responseType, {
      type,
      ...(status === undefined ? {} : { statusCode: String(status) }),
      responseHeaders: {
        "x-request-id": "context.requestId",
        ...(code === "unauthenticated" ? { "WWW-Authenticate": "'Bearer'" } : {}),
      },
      templates: { "application/json": refusalBody(entry) },
    });
  }
}
