import { MAX_BODY_BYTES } from "@weft/http/request";
import { ERROR_STATUS, type ErrorCode } from "@weft/kernel/errors";
import { describe, expect, test } from "vitest";
import { routes as fileRoutes } from "../../functions/file/routes.ts";
import { type FunctionSpec, functions } from "../../functions/manifest.ts";
import { hookRoutes } from "../../functions/trigger/hook/hook.routes.ts";
import { apiRoutes } from "../../infra/constructs/api-routes.ts";
import { REFUSALS, refusalBody } from "../../infra/constructs/gateway-responses.ts";
import { resources, templatesOf } from "../support/templates.ts";

const specs: readonly FunctionSpec[] = functions;

/** `/api/spaces/{spaceId}` of a resource's logical id; the root resource is `/`. */
function pathOf(resourceId: { Ref?: string }): string {
  const all = templatesOf().api.findResources("AWS::ApiGateway::Resource");
  const resource = resourceId.Ref === undefined ? undefined : all[resourceId.Ref];
  if (!resource) return "/";
  const parent = pathOf(resource.Properties.ParentId);
  return `${parent === "/" ? "" : parent}/${resource.Properties.PathPart}`;
}

function methods() {
  const names = new Map(resources("AWS::Lambda::Function").map((lambda) => [lambda.id, lambda]));
  return resources("AWS::ApiGateway::Method").map(({ Properties }) => {
    const parts: unknown[] = Properties.Integration.Uri["Fn::Join"][1];
    const target = parts.flatMap((part) => (part as { "Fn::GetAtt"?: string[] })["Fn::GetAtt"]?.[0] ?? []);
    const lambda = names.get(target[0]!)!;
    return { path: pathOf(Properties.ResourceId), lambda, uri: parts.join(""), ...Properties };
  });
}

describe("routes", () => {
  test("each manifest path is a resource with everything below it, each anonymous one is exact", () => {
    const made = methods().map(({ path, lambda, AuthorizationType }) => ({
      path,
      functionName: lambda.Metadata?.weft,
      anonymous: AuthorizationType === "NONE",
    }));
    expect(made.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(apiRoutes(specs));
    for (const spec of specs) {
      for (const path of spec.paths ?? [])
        expect(made).toContainEqual({ path, functionName: spec.name, anonymous: false });
    }
  });

  test("only the manifest's anonymous resources lack the authorizer", () => {
    const open = methods().filter((method) => method.AuthorizationType !== "CUSTOM");
    const listed = specs.flatMap((spec) => [
      ...(spec.anonymous ?? []),
      ...(spec.anonymousBelow ?? []).flatMap((path) => [path, `${path}/{proxy+}`]),
    ]);
    expect(open.map((method) => method.path).sort()).toEqual([...listed].sort());
    for (const method of methods()) {
      if (method.AuthorizationType === "CUSTOM") expect(method.AuthorizerId.Ref).toBeDefined();
    }
    expect(methods().length).toBeGreaterThan(open.length);
  });

  test("every answer is streamed and the function outlives its integration", () => {
    expect(resources("AWS::ApiGateway::RestApi").map((api) => api.Properties.EndpointConfiguration)).toEqual([
      { Types: ["REGIONAL"] },
    ]);
    for (const { path, lambda, uri, Integration, HttpMethod } of methods()) {
      expect([path, Integration.ResponseTransferMode, Integration.Type, HttpMethod]).toEqual([
        path,
        "STREAM",
        "AWS_PROXY",
        "ANY",
      ]);
      expect(uri).toContain("response-streaming-invocations");
      expect(lambda.Properties.Timeout * 1000).toBeGreaterThan(Integration.TimeoutInMillis);
    }
    const workflow = methods().filter((method) => method.lambda.Metadata?.weft === "workflow");
    for (const { Integration } of workflow) expect(Integration.TimeoutInMillis).toBeGreaterThan(240_000);
  });

  test("identities are kept for 60 s and come from the Authorization header", () => {
    const authorizers = resources("AWS::ApiGateway::Authorizer");
    expect(authorizers.map((authorizer) => authorizer.Properties)).toEqual([
      expect.objectContaining({
        AuthorizerResultTtlInSeconds: 60,
        IdentitySource: "method.request.header.Authorization",
        Type: "REQUEST",
      }),
    ]);
  });

  test("no resource has two variable children, which API Gateway refuses", () => {
    const paths = apiRoutes(specs).flatMap(({ path }) => {
      const parts = path.split("/");
      return parts.map((_, end) => parts.slice(0, end + 1).join("/"));
    });
    const children = new Map<string, Set<string>>();
    for (const path of paths.filter((candidate) => candidate.endsWith("}"))) {
      const parent = path.slice(0, path.lastIndexOf("/"));
      children.set(parent, (children.get(parent) ?? new Set()).add(path));
    }
    for (const [parent, variables] of children) expect([parent, variables.size]).toEqual([parent, 1]);
  });

  const spec = (name: string, paths: string[], anonymous: string[] = []): FunctionSpec => ({
    ...specs[0]!,
    name,
    kind: "api",
    paths,
    anonymous,
  });

  test("below a path with a variable child the proxy moves into the child", () => {
    const routes = apiRoutes([spec("a", ["/x"]), spec("b", ["/x/{id}/y"])]);
    expect(routes.map((route) => `${route.functionName} ${route.path}`)).toEqual([
      "a /x",
      "a /x/{id}",
      "b /x/{id}/y",
      "b /x/{id}/y/{proxy+}",
      "a /x/{id}/{proxy+}",
    ]);
  });

  test("a path that two functions claim, and two names for one variable, fail at synth", () => {
    expect(() => apiRoutes([spec("a", ["/x"]), spec("b", ["/x"])])).toThrow("/x is claimed by a and b");
    expect(() => apiRoutes([spec("a", ["/x/{id}/y"]), spec("b", ["/x/{key}/z"])])).toThrow("two variable children");
  });
});

describe("stage", () => {
  test("writes JSON access logs without queries or headers, traces, throttles and has a firewall", () => {
    const stages = resources("AWS::ApiGateway::Stage");
    expect(stages).toHaveLength(1);
    const { AccessLogSetting, TracingEnabled, MethodSettings } = stages[0]!.Properties;
    expect(AccessLogSetting.DestinationArn).toBeDefined();
    const fields = JSON.parse(AccessLogSetting.Format);
    expect(fields.requestId).toBe("$context.requestId");
    expect(AccessLogSetting.Format).not.toMatch(/header|querystring|Authorization/i);
    expect(TracingEnabled).toBe(true);
    expect(MethodSettings).toEqual([
      expect.objectContaining({
        HttpMethod: "*",
        ResourcePath: "/*",
        LoggingLevel: "ERROR",
        DataTraceEnabled: false,
        ThrottlingRateLimit: expect.any(Number),
        ThrottlingBurstLimit: expect.any(Number),
      }),
    ]);
    const associations = resources("AWS::WAFv2::WebACLAssociation");
    expect(associations).toHaveLength(1);
    expect(JSON.stringify(associations[0]!.Properties.ResourceArn)).toContain(stages[0]!.id);
  });

  test("the firewall limits each address and applies AWS's common rules, body rules counting only", () => {
    const rules: { Name: string; Action?: object; Statement: Record<string, unknown> }[] =
      resources("AWS::WAFv2::WebACL")[0]!.Properties.Rules;
    const rate = rules.find((rule) => rule.Statement.RateBasedStatement);
    expect(rate).toMatchObject({
      Action: { Block: {} },
      Statement: { RateBasedStatement: { AggregateKeyType: "IP" } },
    });
    const common = rules.find((rule) => rule.Name === "AWSManagedRulesCommonRuleSet");
    expect(common?.Statement).toMatchObject({
      ManagedRuleGroupStatement: {
        VendorName: "AWS",
        RuleActionOverrides: expect.arrayContaining([{ Name: "SizeRestrictions_BODY", ActionToUse: { Count: {} } }]),
      },
    });
  });

  test("no answer opens the API to every origin", () => {
    expect(JSON.stringify(templatesOf().api.toJSON())).not.toMatch(/Access-Control-Allow-Origin/i);
  });
});

describe("refusals", () => {
  const EVERY_TYPE = [
    ...["ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE"],
    ...["BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN"],
    ...["INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE"],
    ...["MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED"],
    ...["UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED"],
  ];

  test("every type of API Gateway has one, with the one body", () => {
    const responses = resources("AWS::ApiGateway::GatewayResponse");
    expect(responses.map(({ Properties }) => Properties.ResponseType).sort()).toEqual(EVERY_TYPE);
    for (const { Properties } of responses) {
      const body = JSON.parse(Properties.ResponseTemplates["application/json"]);
      expect(Object.keys(body)).toEqual(["code", "msg", "error"]);
      const details = Properties.ResponseType === "REQUEST_TOO_LARGE" ? ["details"] : [];
      expect(Object.keys(body.error)).toEqual(["code", "message", "type", "requestId", ...details]);
      expect(body.code).toEqual(expect.any(Number));
      expect(body.error.requestId).toBe("$context.requestId");
      expect(body.error.message).toBe(body.msg);
    }
  });

  test.each(REFUSALS)("$type.responseType uses a code of the product with that code's status", (refusal) => {
    expect(Object.keys(ERROR_STATUS)).toContain(refusal.code);
    if (refusal.status !== undefined) expect(refusal.status).toBe(ERROR_STATUS[refusal.code as ErrorCode]);
    else expect(refusal.type.responseType).toMatch(/^DEFAULT_/);
    expect(JSON.parse(refusalBody(refusal)).error.code).toBe(refusal.code);
  });

  test("a body that is too large is told the same as by a function, with a route that exists", () => {
    const refusal = REFUSALS.find(({ code }) => code === "too_large")!;
    const { details } = JSON.parse(refusalBody(refusal)).error;
    const upload = fileRoutes.find(({ operationId }) => operationId === "uploadFile");
    const webhook = hookRoutes.find(({ operationId }) => operationId === "announceWebhookUpload");
    expect(details).toEqual({
      maxBytes: MAX_BODY_BYTES,
      upload: { method: "POST", path: upload?.larger },
      webhook: { method: webhook?.method, path: webhook?.path },
    });
    expect(fileRoutes.some(({ method, path }) => method === "POST" && path === upload?.larger)).toBe(true);
  });

  test("bodies reach functions as bytes, whatever their type", () => {
    expect(resources("AWS::ApiGateway::RestApi").map(({ Properties }) => Properties.BinaryMediaTypes)).toEqual([
      ["*/*"],
    ]);
  });

  test("an unknown path is 404 and a missing token 401, which asks for a Bearer token", () => {
    const byType = new Map(
      resources("AWS::ApiGateway::GatewayResponse").map(({ Properties }) => [Properties.ResponseType, Properties]),
    );
    expect(byType.get("MISSING_AUTHENTICATION_TOKEN").StatusCode).toBe("404");
    expect(byType.get("UNAUTHORIZED").StatusCode).toBe("401");
    expect(byType.get("UNAUTHORIZED").ResponseParameters["gatewayresponse.header.WWW-Authenticate"]).toBe("'Bearer'");
  });
});
