import { Properties } from "../template/properties.ts";
import type { Resource } from "../template/types.ts";

/** A REST API as the template describes it. */
export interface RestApi {
  id: string;
  arn: string;
  stage: string;
  binaryMediaTypes: readonly string[];
  methods: readonly ApiMethod[];
  responses: ReadonlyMap<string, GatewayResponse>;
}

export interface ApiMethod {
  /** `GET`, …, or `ANY`. */
  httpMethod: string;
  resourceId: string;
  /** Resource path with `{name}` and `{name+}`. */
  path: string;
  functionArn: string;
  /** STREAM transfer mode. */
  streaming: boolean;
  timeoutMs: number;
  authorizer: ApiAuthorizer | undefined;
}

export interface ApiAuthorizer {
  id: string;
  type: "TOKEN" | "REQUEST";
  functionArn: string;
  /** `header` names in lower case, `querystring` names as they are. */
  sources: readonly { from: "header" | "querystring"; name: string }[];
  ttlSeconds: number;
  validation: RegExp | undefined;
}

export interface GatewayResponse {
  type: string;
  status: number | undefined;
  headers: Readonly<Record<string, string>>;
  templates: Readonly<Record<string, string>>;
}

/** API Gateway's integration timeout unless the template says otherwise. */
const DEFAULT_TIMEOUT_MS = 29_000;
const DEFAULT_TTL_SECONDS = 300;
const FUNCTION_URI = /\/functions\/(arn:aws[^/]+:function:[^/]+)\/(response-streaming-)?invocations$/;

/** Reads the one REST API of the templates; undefined when there is none. */
export function readRestApi(resources: readonly Resource[]): RestApi | undefined {
  const of = (type: string) => resources.filter((resource) => resource.type === `AWS::ApiGateway::${type}`);
  const [api, second] = of("RestApi");
  if (!api) return undefined;
  if (second) throw new Properties(second).error("the local cloud serves one REST API");
  const properties = new Properties(api);
  if (properties.has("Body")) throw properties.error("an API from an OpenAPI body is not supported");
  const paths = resourcePaths(of("Resource"));
  const authorizers = new Map(of("Authorizer").map((resource) => [resource.ref, readAuthorizer(resource)]));
  const stage = of("Stage")[0];
  return {
    id: api.name,
    arn: api.arn,
    stage: stage?.name ?? "local",
    binaryMediaTypes: properties.list("BinaryMediaTypes").map(String),
    methods: of("Method").map((resource) => readMethod(resource, paths, authorizers)),
    responses: new Map(
      of("GatewayResponse")
        .map(readGatewayResponse)
        .map((response) => [response.type, response]),
    ),
  };
}

function resourcePaths(resources: readonly Resource[]): Map<string, string> {
  const byId = new Map(resources.map((resource) => [resource.ref, new Properties(resource)]));
  const pathOf = (id: string): string => {
    const resource = byId.get(id);
    return resource ? `${pathOf(resource.string("ParentId"))}/${resource.string("PathPart")}` : "";
  };
  return new Map([...byId.keys()].map((id) => [id, pathOf(id)]));
}

function readMethod(
  resource: Resource,
  paths: Map<string, string>,
  authorizers: Map<string, ApiAuthorizer>,
): ApiMethod {
  const method = new Properties(resource);
  const integration = method.child("Integration");
  const type = integration.string("Type");
  if (type !== "AWS_PROXY") throw method.error(`integration type ${type} is not supported`);
  if (method.flag("ApiKeyRequired")) throw method.error("API keys of API Gateway are not supported");
  const { functionArn, streaming } = readFunctionUri(integration, integration.string("Uri"));
  const kind = method.optional("AuthorizationType") ?? "NONE";
  const authorizer = kind === "NONE" ? undefined : authorizers.get(method.optional("AuthorizerId") ?? "");
  if (kind !== "NONE" && !authorizer) throw method.error(`authorization ${kind} is not supported`);
  const resourceId = method.string("ResourceId");
  return {
    httpMethod: method.string("HttpMethod"),
    resourceId,
    path: paths.get(resourceId) || "/",
    functionArn,
    streaming: streaming || integration.optional("ResponseTransferMode") === "STREAM",
    timeoutMs: integration.number("TimeoutInMillis", DEFAULT_TIMEOUT_MS),
    authorizer,
  };
}

function readFunctionUri(owner: Properties, uri: string): { functionArn: string; streaming: boolean } {
  const match = FUNCTION_URI.exec(uri);
  if (!match?.[1]) throw owner.error(`no function in the URI ${uri}`);
  return { functionArn: match[1], streaming: match[2] !== undefined };
}

function readAuthorizer(resource: Resource): ApiAuthorizer {
  const properties = new Properties(resource);
  const type = properties.string("Type");
  if (type !== "TOKEN" && type !== "REQUEST") throw properties.error(`authorizer type ${type} is not supported`);
  const validation = properties.optional("IdentityValidationExpression");
  return {
    id: resource.ref,
    type,
    functionArn: readFunctionUri(properties, properties.string("AuthorizerUri")).functionArn,
    sources: (properties.optional("IdentitySource") ?? "")
      .split(",")
      .filter(Boolean)
      .map((source) => {
        const match = /^method\.request\.(header|querystring)\.(.+)$/.exec(source.trim());
        if (!match?.[2]) throw properties.error(`identity source ${source} is not supported`);
        return match[1] === "header"
          ? { from: "header" as const, name: match[2].toLowerCase() }
          : { from: "querystring" as const, name: match[2] };
      }),
    ttlSeconds: properties.number("AuthorizerResultTtlInSeconds", DEFAULT_TTL_SECONDS),
    validation: validation === undefined ? undefined : new RegExp(`^(?:${validation})$`),
  };
}

function readGatewayResponse(resource: Resource): GatewayResponse {
  const properties = new Properties(resource);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(properties.strings("ResponseParameters"))) {
    const header = /^gatewayresponse\.header\.(.+)$/.exec(name)?.[1];
    if (!header) throw properties.error(`response parameter ${name} is not supported`);
    headers[header] = value;
  }
  const status = properties.optional("StatusCode");
  return {
    type: properties.string("ResponseType"),
    status: status === undefined ? undefined : Number(status),
    headers,
    templates: properties.strings("ResponseTemplates"),
  };
}
