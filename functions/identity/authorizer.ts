import { identify } from "@weft/core/identity/identify.service";
import { authorizerContext } from "@weft/http/authenticate";
import { systemClock } from "@weft/kernel/clock";
import type {
  APIGatewayAuthorizerResult,
  APIGatewayRequestAuthorizerEvent,
  APIGatewayTokenAuthorizerEvent,
} from "aws-lambda";

const BEARER = /^Bearer +(\S+) *$/i;

function tokenOf(event: APIGatewayTokenAuthorizerEvent | APIGatewayRequestAuthorizerEvent): string {
  if (event.type === "TOKEN") return event.authorizationToken;
  const found = Object.entries(event.headers ?? {}).find(([name]) => name.toLowerCase() === "authorization");
  return found?.[1] ?? "";
}

/** Every method and path of the API's stage: the answer is cached by token and must not depend on the path. */
function stageOf(methodArn: string): string {
  const [api = "", stage = ""] = methodArn.split("/");
  return `${api}/${stage}/*`;
}

/**
 * Says who calls and allows the whole stage: what the caller may do, and how a refusal is worded, is for the function.
 * What is no good token is nobody.
 */
export async function handler(
  event: APIGatewayTokenAuthorizerEvent | APIGatewayRequestAuthorizerEvent,
): Promise<APIGatewayAuthorizerResult> {
  const token = BEARER.exec(tokenOf(event))?.[1] ?? "";
  const actor = await identify(systemClock, token);
  const isPerson = actor.type === "user" || actor.type === "apiKey";
  return {
    principalId: isPerson ? actor.userId : "public",
    policyDocument: {
      Version: "2012-10-17",
      Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: stageOf(event.methodArn) }],
    },
    context: authorizerContext(actor),
  };
}
