import type { ServerResponse } from "node:http";
import type { GatewayResponse } from "./model.ts";

/** API Gateway's own answers: status, exception name and message of each type that the local cloud can give. */
const BUILT_IN = {
  ACCESS_DENIED: [403, "AccessDeniedException", "User is not authorized to access this resource"],
  AUTHORIZER_CONFIGURATION_ERROR: [500, "AuthorizerConfigurationException", "Internal server error"],
  AUTHORIZER_FAILURE: [500, "AuthorizerConfigurationException", "Internal server error"],
  DEFAULT_4XX: [400, "BadRequestException", "Bad Request"],
  DEFAULT_5XX: [502, "InternalServerErrorException", "Internal server error"],
  INTEGRATION_FAILURE: [504, "InternalServerErrorException", "Internal server error"],
  INTEGRATION_TIMEOUT: [504, "InternalServerErrorException", "Endpoint request timed out"],
  MISSING_AUTHENTICATION_TOKEN: [403, "MissingAuthenticationTokenException", "Missing Authentication Token"],
  REQUEST_TOO_LARGE: [413, "RequestTooLargeException", "Request Too Long"],
  UNAUTHORIZED: [401, "UnauthorizedException", "Unauthorized"],
} as const satisfies Record<string, readonly [number, string, string]>;

export type FailureType = keyof typeof BUILT_IN;

/** A request that API Gateway answers itself. */
export class GatewayFailure extends Error {
  override readonly name = "GatewayFailure";
  readonly type: FailureType;
  constructor(type: FailureType, message: string = BUILT_IN[type][2]) {
    super(message);
    this.type = type;
  }
}

/** Writes the GatewayResponse of a failure: the type's own, else the default of its class, else API Gateway's. */
export function writeFailure(
  res: ServerResponse,
  responses: ReadonlyMap<string, GatewayResponse>,
  failure: GatewayFailure,
  context: Readonly<Record<string, string>>,
): void {
  const [builtInStatus, exception] = BUILT_IN[failure.type];
  const fallback = responses.get(builtInStatus < 500 ? "DEFAULT_4XX" : "DEFAULT_5XX");
  const response = responses.get(failure.type) ?? fallback;
  const variables: Record<string, string> = {
    ...context,
    "error.message": failure.message,
    "error.messageString": JSON.stringify(failure.message),
    "error.responseType": failure.type,
  };
  const body = expand(response?.templates["application/json"] ?? '{"message":$context.error.messageString}', variables);
  res.writeHead(response?.status ?? builtInStatus, {
    "content-type": "application/json",
    "x-amzn-requestid": context.requestId ?? "",
    "x-amzn-errortype": exception,
    ...headersOf(response, variables),
    "content-length": Buffer.byteLength(body),
  });
  res.end(body);
}

function expand(template: string, variables: Record<string, string>): string {
  return template.replaceAll(/\$context\.([A-Za-z0-9_.]*[A-Za-z0-9_])/g, (_all, name: string) => variables[name] ?? "");
}

function headersOf(response: GatewayResponse | undefined, variables: Record<string, string>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response?.headers ?? {})) {
    const literal = /^'(.*)'$/.exec(value)?.[1];
    headers[name.toLowerCase()] = literal ?? variables[value.replace(/^context\./, "")] ?? "";
  }
  return headers;
}
