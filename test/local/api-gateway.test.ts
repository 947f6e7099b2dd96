import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway } from "@weft/local/apigateway/gateway";
import { readRestApi } from "@weft/local/apigateway/model";
import { StackClock } from "@weft/local/clock";
import { LambdaPool } from "@weft/local/lambda/pool";
import { parseTemplate } from "@weft/local/template/assembly";
import { readFunctions } from "@weft/local/template/functions";
import { resolveTemplates } from "@weft/local/template/resolve";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiTemplate, stateTemplate } from "./fixture/template.ts";

/** A busy machine takes its time. */
const SOON = { timeout: 20_000 };

const clock = new StackClock();
const pool = new LambdaPool({ clock, log: () => {} });
let server: Server;
let url: string;

beforeAll(async () => {
  const templates = [
    parseTemplate("State", JSON.stringify(stateTemplate)),
    parseTemplate("Api", JSON.stringify(apiTemplate)),
  ];
  const place = {
    region: "us-east-1",
    account: "000000000000",
    queueBase: "http://localhost:1",
    keyId: (name: string) => name,
  };
  const resources = resolveTemplates(templates, place);
  const entry = new URL("./fixture/handlers.ts", import.meta.url).href;
  for (const fn of readFunctions(resources, { entryOf: () => entry, environment: {} })) pool.define(fn);
  const api = readRestApi(resources);
  if (!api) throw new Error("no API in the template");
  server = createServer(createGateway({ api, pool, clock, log: () => {} })).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await pool.close();
  clock.close();
});

const authorized = { authorization: "alice" };
// biome-ignore lint/suspicious/noExplicitAny: answers of the fixture's handlers
const json = async (response: Response): Promise<any> => response.json();

describe("routing and the event", () => {
  it("gives the proxy event, undecoded path parameters and every value of query and headers", async () => {
    const response = await fetch(`${url}/open/a%20b/c?x=1&x=2&y=%C3%A9`, {
      method: "PATCH",
      headers: { "X-Mixed": "1", "content-type": "text/plain" },
      body: "text é",
    });
    const { event } = await json(response);
    expect(event).toMatchObject({
      resource: "/open/{proxy+}",
      path: "/open/a%20b/c",
      httpMethod: "PATCH",
      pathParameters: { proxy: "a%20b/c" },
      queryStringParameters: { x: "2", y: "é" },
      multiValueQueryStringParameters: { x: ["1", "2"], y: ["é"] },
      body: "text é",
      isBase64Encoded: false,
      stageVariables: null,
    });
    expect(event.headers["X-Mixed"]).toBe("1");
    expect(event.multiValueHeaders["X-Forwarded-For"]).toEqual(["127.0.0.1"]);
    expect(event.headers.connection).toBeUndefined();
    expect(event.requestContext).toMatchObject({
      resourcePath: "/open/{proxy+}",
      stage: "v1",
      identity: { sourceIp: "127.0.0.1" },
    });
    expect(event.requestContext.authorizer).toBeUndefined();
  });

  it("carries a body of a binary media type as base64, and no body as null", async () => {
    const bytes = Buffer.from([0, 255, 1]);
    const binary = await fetch(`${url}/open/x`, {
      method: "PUT",
      headers: { "content-type": "image/png" },
      body: bytes,
    });
    expect((await json(binary)).event).toMatchObject({ isBase64Encoded: true, body: bytes.toString("base64") });
    const none = await json(await fetch(`${url}/open/x`));
    expect(none.event).toMatchObject({ body: null, isBase64Encoded: false, queryStringParameters: null });
  });

  it("prefers a fixed part to a parameter and a parameter to a proxy, giving up branches without a method", async () => {
    const parts = await json(await fetch(`${url}/items/7/parts`, { headers: authorized }));
    expect(parts.event.resource).toBe("/items/{itemId}/parts");
    expect(parts.event.pathParameters).toEqual({ itemId: "7" });
    const other = await json(await fetch(`${url}/items/7/other`, { headers: authorized }));
    expect(other.event.resource).toBe("/items/{proxy+}");
  });

  it.each(["/", "/nothing", "/open", "/items/", "/plain"])(
    "an unknown resource %s is the gateway's answer",
    async (path) => {
      const response = await fetch(`${url}${path}`, { headers: path === "/items/" ? {} : authorized });
      const expected = path === "/items/" ? [401, "unauthenticated"] : [404, "not_found"];
      expect(response.headers.get("x-own")).toBe("yes");
      expect([response.status, (await json(response)).code]).toEqual(expected);
    },
  );
});

describe("the authorizer", () => {
  it("is not called without its identity source", async () => {
    const response = await fetch(`${url}/items/x`);
    const body = await json(response);
    expect(response.status).toBe(401);
    expect(body).toMatchObject({ code: "unauthenticated", message: "Unauthorized" });
    expect(body.requestId).toBe(response.headers.get("x-amzn-requestid"));
  });

  it("gives its context as strings, kept for the time to live on the stack's clock", async () => {
    const calls = async () => {
      const { event } = await json(await fetch(`${url}/items/x`, { headers: { authorization: "bob" } }));
      return event.requestContext.authorizer;
    };
    const first = await calls();
    expect(first).toMatchObject({ principalId: "bob", userId: "bob", flag: "true" });
    expect((await calls()).calls).toBe(first.calls);
    await clock.advance(61_000);
    expect(Number((await calls()).calls)).toBeGreaterThan(Number(first.calls));
  });

  it.each([
    ["denied", 403],
    ["unauthorized", 401],
    ["broken", 500],
  ])("%s gives %i", async (token, status) => {
    expect((await fetch(`${url}/items/x`, { headers: { authorization: token } })).status).toBe(status);
  });

  it("TOKEN: a token of another form is refused without a call", async () => {
    expect((await fetch(`${url}/items/1/parts`, { headers: { authorization: "UPPER" } })).status).toBe(401);
  });
});

describe("answers", () => {
  it("status, headers, several values and cookies of the prelude", async () => {
    const response = await fetch(`${url}/open/created`);
    expect(response.status).toBe(201);
    expect(response.headers.get("x-many")).toBe("a, b");
    expect(response.headers.getSetCookie()).toEqual(["one=1", "two=2"]);
  });

  it("streams while the function still runs", async () => {
    const response = await fetch(`${url}/open/sse`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const pieces: string[] = [];
    for (let part = await reader.read(); !part.done; part = await reader.read()) pieces.push(part.value);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
  });

  it("streams more than 6 MB, and a client that leaves does not stop the function", async () => {
    const whole = await (await fetch(`${url}/open/large`)).arrayBuffer();
    expect(whole.byteLength).toBe(160 * 65_536);
    const leaver = request(`${url}/open/large`, (response) => response.destroy());
    leaver.on("error", () => {});
    leaver.end();
    await expect.poll(() => pool.active, SOON).toBe(0);
    expect((await fetch(`${url}/open/x`)).status).toBe(200);
  });

  it.each(["throw", "no-prelude"])("%s is answered 502 with the template's body", async (mode) => {
    const response = await fetch(`${url}/open/${mode}`);
    expect([response.status, (await json(response)).code]).toEqual([502, "internal"]);
  });

  it("a function's timeout after the head breaks the connection", async () => {
    const response = await fetch(`${url}/short/hang`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it("an integration timeout is 504", async () => {
    const response = await fetch(`${url}/short`);
    expect(response.status).toBe(504);
  });

  it("buffered integrations answer whole, and a wrong answer is 502", async () => {
    const good = await fetch(`${url}/plain/x`);
    expect([good.status, good.headers.get("x-one"), await good.text()]).toEqual([202, "1", "bytes"]);
    expect((await fetch(`${url}/plain/bad`)).status).toBe(502);
  });

  it.each([
    ["above 10 MB", 10 * 1024 * 1024 + 1],
    ["above the event's 6 MB", 6_291_556],
  ])("a body %s is too large", async (_what, size) => {
    const response = await fetch(`${url}/open/x`, { method: "POST", body: Buffer.alloc(size, 97) });
    expect([response.status, (await json(response)).code]).toEqual([413, "too_large"]);
  });
});
