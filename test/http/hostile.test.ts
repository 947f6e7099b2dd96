import { setTimeout as sleep } from "node:timers/promises";
import { defineApi } from "@weft/http/define-api";
import { withoutSecrets } from "@weft/http/log";
import { parseJson, parseWith } from "@weft/http/parse";
import { type Route, route } from "@weft/http/route";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { type CallRequest, callApi, proxyEvent } from "../support/call.ts";
import { ResponseStream } from "../support/lambda-runtime.ts";
import { memoryServices } from "../support/services.ts";
import { handler, spaceId, userAuth } from "./fixture.ts";

describe("hostile input", () => {
  it("is answered with an envelope and never with a 500", async () => {
    const paths = fc.oneof(
      fc.webPath(),
      fc.string().map((text) => `/${text.replaceAll("?", "")}`),
      fc.string().map((text) => `/api/spaces/${spaceId}/widgets/${encodeURIComponent(text)}`),
      fc.constant(`/api/spaces/${spaceId}/widgets`),
    );
    const requests: fc.Arbitrary<CallRequest> = fc.record(
      {
        method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "rubbish"),
        path: paths,
        headers: fc.dictionary(
          fc.constantFrom("content-type", "Content-Type", "idempotency-key", "user-agent", "authorization"),
          fc.oneof(fc.constant("application/json"), fc.string()),
        ),
        body: fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 50 })),
        authorizer: fc.oneof(fc.constant(userAuth), fc.dictionary(fc.string(), fc.string())),
      },
      { requiredKeys: ["path"] },
    );
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const answer = await callApi(handler, request);
        expect(answer.status).toBeLessThan(500);
        if (answer.status >= 400 && request.method !== "HEAD") {
          expect(Object.keys(answer.json.error)).toEqual(expect.arrayContaining(["code", "message", "requestId"]));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("in JSON is accepted or refused as the engine does, with a position inside the text", () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.string({ maxLength: 3 }))
      .map(([text, at, by]) => text.slice(0, at % (text.length + 1)) + by + text.slice((at % (text.length + 1)) + 1));
    fc.assert(
      fc.property(fc.oneof(fc.json(), broken), (text) => {
        let expected: unknown;
        let isGood = true;
        try {
          expected = JSON.parse(text);
        } catch {
          isGood = false;
        }
        if (isGood) {
          expect(parseJson(text)).toEqual(expected);
          return;
        }
        try {
          parseJson(text);
          expect.unreachable();
        } catch (thrown) {
          const { position } = (thrown as { details: { position: number } }).details;
          expect(position).toBeLessThanOrEqual(text.length);
          // What stands before the position can still become a value; one more character cannot.
          expect(() => parseJson(text.slice(0, position + 1))).toThrow();
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("does not end an invocation before the work of a stream whose client left", async () => {
    const steps: string[] = [];
    const streaming = route(
      {
        method: "GET",
        path: "/s",
        operationId: "s",
        summary: "s",
        permission: "public",
        stream: true,
        response: z.string(),
      },
      async ({ stream }) =>
        stream.sse(async (sse) => {
          await sse.send({ data: "first" });
          while (!sse.signal.aborted) await sleep(1);
          steps.push("noticed");
          await sleep(20);
          steps.push("done");
        }),
    );
    const api = defineApi([streaming], memoryServices());
    const response = new ResponseStream();
    response.on("data", () => response.destroy());
    await Promise.resolve(api(proxyEvent({ path: "/s" }), response as never, {} as never)).catch(() =>
      steps.push("ended"),
    );
    expect(steps).toEqual(["noticed", "done", "ended"]);
  });
});

describe("a union of forms", () => {
  const Body = z.union([
    z.strictObject({ kind: z.literal("a"), nodes: z.array(z.strictObject({ id: z.string() })) }),
    z.strictObject({ other: z.number() }),
  ]);

  it("is wrong where the nearest form is", () => {
    const issuesOf = (value: unknown) => {
      try {
        parseWith(Body, value, "body");
        return [];
      } catch (thrown) {
        return (thrown as { details: { issues: { path: string }[] } }).details.issues.map(({ path }) => path);
      }
    };
    expect(issuesOf({ kind: "a", nodes: [{ id: "x" }, { id: 1 }] })).toEqual(["nodes.1.id"]);
    expect(issuesOf({ kind: "a", nodes: [{ id: "x", extra: 1 }] })).toEqual(["nodes.0.extra"]);
    expect(issuesOf("text")).toEqual(["body"]);
    expect(issuesOf({ other: 1 })).toEqual([]);
  });
});

describe("time", () => {
  it("that runs out is answered before Lambda ends the function", async () => {
    const slow = route(
      { method: "GET", path: "/s", operationId: "s", summary: "s", permission: "public", response: z.string() },
      () => new Promise<string>(() => undefined),
    );
    const api = defineApi([slow], memoryServices());
    const answer = await callApi(api, { path: "/s" }, { getRemainingTimeInMillis: () => 510 });
    expect([answer.status, answer.json.error.code]).toEqual([504, "timeout"]);
  });
});

describe("log lines", () => {
  it("hold no secrets, by name or by look", () => {
    const line = JSON.stringify(
      {
        password: "hunter2",
        nested: { apiKey: { deep: "hunter2" }, authorization: "Bearer abcdefghijklmnop" },
        error: { message: "refused sk_01jd0000000000000000000000_hunter2hunter2", stack: "https://u:hunter2@host/x" },
        kept: "words",
      },
      withoutSecrets,
    );
    expect(line).not.toContain("hunter2");
    expect(line).not.toContain("abcdefghijklmnop");
    expect(line).toContain("words");
  });
});

describe("route declarations", () => {
  const make = (path: `/${string}`, operationId: string): Route =>
    route(
      { method: "GET", path, operationId, summary: "x", permission: "public", response: z.string() },
      async () => operationId,
    );

  it("that cannot be served fail when they load", () => {
    expect(() => make("/a/{b-c}", "one")).toThrow(/camelCase/);
    expect(() => defineApi([make("/a", "one"), make("/a", "two")], memoryServices())).toThrow(/two routes for GET \/a/);
    expect(() => defineApi([make("/a/{x}", "one"), make("/a/{y}", "two")], memoryServices())).toThrow(/two routes/);
    expect(() => defineApi([make("/a", "one"), make("/b", "one")], memoryServices())).toThrow(/two routes for one/);
  });

  it("with a fixed segment win over those with a parameter, whatever their order", async () => {
    const api = defineApi(
      [make("/a/{x}", "byName"), make("/a/fixed", "fixed"), make("/a/{x}/b", "below")],
      memoryServices(),
    );
    expect((await callApi(api, { path: "/a/fixed" })).json).toBe("fixed");
    expect((await callApi(api, { path: "/a/other" })).json).toBe("byName");
    expect((await callApi(api, { path: "/a/fixed/b" })).json).toBe("below");
  });

  it("without stream cannot open one", async () => {
    const wrong = route(
      { method: "GET", path: "/s", operationId: "s", summary: "s", permission: "public", response: z.string() },
      async ({ stream }) => stream.sse(async () => undefined),
    );
    expect((await callApi(defineApi([wrong], memoryServices()), { path: "/s" })).status).toBe(500);
  });
});
