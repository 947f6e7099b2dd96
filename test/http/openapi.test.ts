import { openApiDocument } from "@weft/http/openapi";
import { type Route, route } from "@weft/http/route";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { routes } from "./fixture.ts";

const info = { title: "Test", version: "1" };
// biome-ignore lint/suspicious/noExplicitAny: the document is read as the JSON it is
const document = JSON.parse(JSON.stringify(openApiDocument(routes, info))) as any;

describe("openApiDocument", () => {
  it("derives path parameters from the template and names components", () => {
    const operation = document.paths["/api/spaces/{spaceId}/widgets"].get;
    const names = operation.parameters.map((parameter: { name: string; in: string }) => [parameter.in, parameter.name]);
    expect(names).toEqual(
      expect.arrayContaining([
        ["path", "spaceId"],
        ["query", "limit"],
        ["query", "cursor"],
      ]),
    );
    expect(document.components.schemas).toHaveProperty("Widget");
    expect(document.components.schemas).toHaveProperty("Error");
    expect(document.components.securitySchemes.bearer.scheme).toBe("bearer");
  });

  it("says which errors a route answers", () => {
    const create = document.paths["/api/spaces/{spaceId}/widgets"].post;
    expect(Object.keys(create.responses)).toEqual([
      "201",
      "400",
      "401",
      "403",
      "404",
      "409",
      "413",
      "415",
      "429",
      "500",
    ]);
    expect(create["x-permission"]).toBe("widget:write");
    expect(create.parameters.map((parameter: { name: string }) => parameter.name)).toContain("Idempotency-Key");
    expect(document.paths["/health"].get.security).toEqual([]);
    expect(Object.keys(document.paths["/health"].get.responses)).toEqual(["200", "400", "429", "500"]);
  });

  it("documents streams and forbids unknown fields of bodies", () => {
    const stream = document.paths["/api/spaces/{spaceId}/stream"].post;
    expect(Object.keys(stream.responses["200"].content)).toEqual(["application/json", "text/event-stream"]);
    expect(stream.requestBody.content["application/json"].schema.additionalProperties).toBe(false);
  });

  it("refuses two operations of one name", () => {
    const twice: Route[] = [
      ...routes,
      route(
        {
          method: "GET",
          path: "/other",
          operationId: "getHealth",
          summary: "x",
          permission: "public",
          response: z.string(),
        },
        async () => "x",
      ),
    ];
    expect(() => openApiDocument(twice, info)).toThrow(/getHealth is used twice/);
  });

  it("keeps links relative to the stage", () => {
    expect(document.servers).toEqual([{ url: "." }]);
  });
});
