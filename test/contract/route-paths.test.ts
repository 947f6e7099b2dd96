import type { Route } from "@weft/http/route";
import type { ApiMethod } from "@weft/local/apigateway/model";
import { Router } from "@weft/local/apigateway/router";
import { describe, expect, it } from "vitest";
import { type FunctionSpec, functions } from "../../functions/manifest.ts";
import { apiRoutes } from "../../infra/constructs/api-routes.ts";

const specs: readonly FunctionSpec[] = functions;

/** The API's resources as CDK makes them; a method's `functionArn` is the manifest's name here. */
const methods = apiRoutes(specs).map(
  ({ path, functionName, anonymous }): ApiMethod => ({
    httpMethod: "ANY",
    resourceId: path,
    path: path.replace("{proxy}", "{proxy+}"),
    functionArn: functionName,
    streaming: true,
    timeoutMs: 0,
    authorizer: anonymous
      ? undefined
      : { id: "a", type: "REQUEST", functionArn: "a", sources: [], ttlSeconds: 0, validation: undefined },
  }),
);
const router = new Router(methods);

async function routesOf(spec: FunctionSpec): Promise<readonly Route[]> {
  const file = new URL(`../../${spec.entry.replace(/index\.ts$/, "routes.ts")}`, import.meta.url);
  return ((await import(file.href)) as { routes: readonly Route[] }).routes;
}

describe("each route's path", () => {
  const apis = specs.filter(({ kind }) => kind === "api");

  it.each(apis.map((spec) => [spec.name, spec] as const))("of %s leads to its function", async (name, spec) => {
    const routes = await routesOf(spec);
    expect(routes.length).toBeGreaterThan(0);
    const led = routes.map(({ method, path }) => {
      const found = router.match(method, path.replaceAll(/\{\w+\}/g, "id"));
      return { method, path, to: found?.method.functionArn };
    });
    expect(led.filter(({ to }) => to !== name)).toEqual([]);
  });

  it("asks for who is calling unless the route is public", async () => {
    const routes = (await Promise.all(apis.map(routesOf))).flat();
    const wrong = routes.filter(({ method, path, permission }) => {
      const found = router.match(method, path.replaceAll(/\{\w+\}/g, "id"));
      return (found?.method.authorizer === undefined) !== (permission === "public");
    });
    expect(wrong.map(({ operationId }) => operationId)).toEqual([]);
  });
});
