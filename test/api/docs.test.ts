import { transform } from "esbuild";
import { describe, expect, it } from "vitest";
import { handler } from "../../functions/docs/index.ts";
import { callApi } from "../support/call.ts";

describe("docs", () => {
  it("answers without an identity", async () => {
    expect((await callApi(handler, { path: "/health" })).json).toEqual({ status: "ok" });
    const index = await callApi(handler, { path: "/" });
    expect(index.json.links).toEqual({ documentation: "docs", openapi: "openapi.json", health: "health" });
  });

  it("serves the document whole", async () => {
    const answer = await callApi(handler, { path: "/openapi.json" });
    expect(answer.json.openapi).toBe("3.1.0");
    expect(answer.json.paths["/openapi.json"].get.operationId).toBe("getOpenApi");
    expect(answer.json.components.schemas.Error.additionalProperties).toBe(false);
  });

  it("serves a page that fetches nothing from elsewhere and whose script parses", async () => {
    const answer = await callApi(handler, { path: "/docs" });
    expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(answer.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(answer.text).not.toMatch(/https?:\/\//);
    const script = /<script>([\s\S]*)<\/script>/.exec(answer.text)?.[1] ?? "";
    expect(script.length).toBeGreaterThan(1000);
    await expect(transform(script)).resolves.toMatchObject({ warnings: [] });
  });
});
