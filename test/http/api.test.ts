import { notFound } from "@weft/kernel/errors";
import { beforeEach, describe, expect, it } from "vitest";
import { callApi } from "../support/call.ts";
import { calls, handler, services, spaceId, userAuth } from "./fixture.ts";

const base = `/api/spaces/${spaceId}/widgets`;
const asUser = { authorizer: userAuth };

beforeEach(() => {
  calls.length = 0;
  services.asked.length = 0;
  services.rows.length = 0;
  services.decide = () => undefined;
  services.limit = { allowed: true, retryAfterSeconds: 0 };
});

describe("happy", () => {
  it("routes, parses, strips and answers with the request id", async () => {
    const answer = await callApi(handler, { path: `${base}?limit=5&tag=a&tag=b`, ...asUser });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ items: [{ id: "w1", name: "one" }], nextCursor: null });
    expect(calls).toEqual([{ query: { limit: 5, tag: ["a", "b"] }, spaceId }]);
    expect(answer.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    expect(answer.headers["x-request-id"]).toMatch(/^req_/);
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
  });

  it("asks for the route's permission in the path's space, and says whether it changes something", async () => {
    await callApi(handler, { path: base, ...asUser });
    await callApi(handler, { method: "POST", path: base, body: { name: "n" }, ...asUser });
    expect(services.asked).toEqual([
      { permission: "widget:read", spaceId, mutating: false },
      { permission: "widget:write", spaceId, mutating: true },
    ]);
  });

  it("writes one operation-log row per change and none per read", async () => {
    await callApi(handler, { path: base, ...asUser });
    const made = await callApi(handler, { method: "POST", path: base, body: { name: "n" }, ...asUser });
    expect(made.status).toBe(201);
    await callApi(handler, { method: "DELETE", path: `${base}/abc`, ...asUser });
    expect(services.rows.map(({ operation, status, targetId }) => ({ operation, status, targetId }))).toEqual([
      { operation: "createWidget", status: 201, targetId: made.json.id },
      { operation: "removeWidget", status: 204, targetId: "abc" },
    ]);
    expect(services.rows[0]).toMatchObject({ spaceId, method: "POST", arguments: { body: { name: "n" } } });
  });

  it("decodes path parameters", async () => {
    const answer = await callApi(handler, { path: `${base}/a%20b%2Fc`, ...asUser });
    expect(answer.json).toEqual({ id: spaceId, name: "a b/c" });
  });

  it("answers 204 without a body", async () => {
    const answer = await callApi(handler, { method: "DELETE", path: `${base}/abc`, ...asUser });
    expect([answer.status, answer.text]).toEqual([204, ""]);
  });

  it("keeps a large answer whole, characters of two halves included, in one chunk", async () => {
    const body = { text: "x😀", times: 20_000 };
    const answer = await callApi(handler, { method: "POST", path: "/api/big", body, ...asUser });
    expect([answer.status, answer.headers["x-extra"]]).toEqual([202, "1"]);
    expect(answer.json.text).toBe("x😀".repeat(20_000));
    expect(answer.chunks).toHaveLength(1);
  });

  it("answers other media types", async () => {
    const answer = await callApi(handler, { path: "/page" });
    expect([answer.headers["content-type"], answer.text]).toEqual(["text/html; charset=utf-8", "<p>hi</p>"]);
  });

  it("reads bodies by their declared type", async () => {
    const send = async (type: string, body: unknown) =>
      (await callApi(handler, { method: "POST", path: "/api/form", headers: { "content-type": type }, body })).json.got;
    expect(await send("application/x-www-form-urlencoded", "a=1&b=x+y")).toBe('{"a":"1","b":"x y"}');
    expect(await send("text/plain; charset=UTF-8", "hé")).toBe('"hé"');
    expect(await send("application/octet-stream", new Uint8Array([0, 255, 7]))).toBe("bytes:3");
  });

  it("serves HEAD as GET without a body, and OPTIONS with the path's methods", async () => {
    const head = await callApi(handler, { method: "HEAD", path: base, ...asUser });
    expect([head.status, head.text]).toEqual([200, ""]);
    const options = await callApi(handler, { method: "OPTIONS", path: base });
    expect([options.status, options.headers.allow]).toEqual([204, "GET, HEAD, OPTIONS, POST"]);
  });

  it("gives a repeat with the same idempotency key the first answer, and does the work once", async () => {
    const request = {
      method: "POST",
      path: base,
      headers: { "Idempotency-Key": "k1" },
      body: { name: "n" },
      ...asUser,
    };
    const first = await callApi(handler, request);
    const second = await callApi(handler, request);
    expect(second.text).toBe(first.text);
    expect([second.status, second.headers["idempotency-replayed"]]).toEqual([201, "true"]);
    expect(calls).toHaveLength(1);
    const other = await callApi(handler, { ...request, body: { name: "other" } });
    expect([other.status, other.json.error.code]).toEqual([409, "conflict"]);
  });

  it("frees the idempotency key of a call that failed", async () => {
    const request = { method: "POST", path: base, headers: { "Idempotency-Key": "k2" }, ...asUser };
    expect((await callApi(handler, { ...request, body: { name: "taken" } })).status).toBe(409);
    expect((await callApi(handler, { ...request, body: { name: "free" } })).status).toBe(201);
  });
});

describe("error", () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    callApi(handler, { method: "POST", path: base, headers, body, ...asUser });

  it("words every failure with one envelope", async () => {
    const answer = await post({ name: "taken" });
    expect(answer.json).toEqual({
      error: {
        code: "conflict",
        message: "taken",
        requestId: answer.headers["x-request-id"],
        details: { name: "taken" },
      },
    });
    expect(services.rows.at(-1)).toMatchObject({ operation: "createWidget", status: 409, errorCode: "conflict" });
  });

  it("answers 404 for an unknown route and 405 with Allow for a wrong method", async () => {
    const unknown = await callApi(handler, { path: "/api/nothing", ...asUser });
    expect([unknown.status, unknown.json.error.code]).toEqual([404, "not_found"]);
    const wrong = await callApi(handler, { method: "PUT", path: base, ...asUser });
    expect([wrong.status, wrong.json.error.code, wrong.headers.allow]).toEqual([
      405,
      "method_not_allowed",
      "GET, HEAD, OPTIONS, POST",
    ]);
    const stream = await callApi(handler, { method: "HEAD", path: `/api/spaces/${spaceId}/stream`, ...asUser });
    expect(stream.status).toBe(405);
  });

  it("answers 415 for another media type or charset", async () => {
    for (const type of ["text/plain", "application/xml", "application/json; charset=latin1", "rubbish"]) {
      const answer = await post("{}", { "content-type": type });
      expect([type, answer.status, answer.json.error.code]).toEqual([type, 415, "unsupported_media_type"]);
    }
  });

  it.each([
    ['{"name": }', 9, 1, 10],
    ['{"name": "x"', 12, 1, 13],
    ["nonsense", 1, 1, 2],
    ['{"a": 1,\n "b" 2}', 14, 2, 6],
    [`{"name": "${"y".repeat(200)}", oops}`, 213, 1, 214],
  ])("names the position of malformed JSON: %j", async (body, position, line, column) => {
    const answer = await post(body, { "content-type": "application/json" });
    expect(answer.status).toBe(400);
    expect(answer.json.error.code).toBe("invalid_input");
    expect(answer.json.error.details).toMatchObject({ position, line, column });
    expect(answer.json.error.message).toBe(`malformed JSON at position ${position} (line ${line}, column ${column})`);
  });

  it.each([
    [{ name: "n", extra: 1 }, "extra"],
    [{ name: "n", size: { width: 1, deep: 2 } }, "size.deep"],
    [{ name: "n".repeat(21) }, "name"],
    [{ name: 7 }, "name"],
    [{}, "name"],
    [[], "body"],
  ])("names the field that is wrong: %j", async (body, path) => {
    const answer = await post(body);
    expect([answer.status, answer.json.error.code]).toEqual([400, "invalid_input"]);
    expect(answer.json.error.details.issues.map((issue: { path: string }) => issue.path)).toContain(path);
    expect(calls).toEqual([]);
  });

  it("refuses a body over 4 MiB, encoded or not, and one of that size that is only invalid", async () => {
    const text = (bytes: number) => `{"name":"${"z".repeat(bytes - 11)}"}`;
    const json = { "content-type": "application/json" };
    expect((await post(text(4 * 1024 * 1024 + 1), json)).json.error.code).toBe("too_large");
    expect((await post(new Uint8Array(4 * 1024 * 1024 + 1), json)).status).toBe(413);
    expect((await post(text(4 * 1024 * 1024), json)).json.error.code).toBe("invalid_input");
  });

  it("refuses bodies nested too deep, and text that is not UTF-8", async () => {
    const json = { "content-type": "application/json" };
    expect((await post("[".repeat(100_000), json)).json.error.message).toMatch(/nested deeper/);
    const bad = await post(new Uint8Array([0x22, 0xff, 0x22]), json);
    expect(bad.json.error.message).toBe("body: not valid UTF-8");
  });

  it("names a path parameter that is badly encoded or not of its kind", async () => {
    const encoded = await callApi(handler, { path: `${base}/%E0%A4%A`, ...asUser });
    expect([encoded.status, encoded.json.error.details.issues[0].path]).toEqual([400, "name"]);
    const kind = await callApi(handler, { path: "/api/spaces/nonsense/widgets", ...asUser });
    expect([kind.status, kind.json.error.details.issues[0].path]).toEqual([400, "spaceId"]);
    const long = await callApi(handler, { path: `${base}/${"a".repeat(300)}`, ...asUser });
    expect(long.json.error.details.issues[0].path).toBe("name");
  });

  it("names a query parameter that is unknown, repeated or out of range", async () => {
    const issue = async (query: string) =>
      (await callApi(handler, { path: `${base}?${query}`, ...asUser })).json.error.details.issues[0].path;
    expect(await issue("nothing=1")).toBe("nothing");
    expect(await issue("limit=1&limit=2")).toBe("limit");
    expect(await issue("limit=1000")).toBe("limit");
    expect(await issue("__proto__=1")).toBe("__proto__");
  });

  it("answers a body where none is taken with invalid_input", async () => {
    const answer = await callApi(handler, { method: "DELETE", path: `${base}/a`, body: { x: 1 }, ...asUser });
    expect(answer.json.error.code).toBe("invalid_input");
  });

  it("says how long to wait when the rate limit is reached", async () => {
    services.limit = { allowed: false, retryAfterSeconds: 7 };
    const answer = await callApi(handler, { path: base, ...asUser });
    expect([answer.status, answer.headers["retry-after"]]).toEqual([429, "7"]);
  });

  it("answers timeout before Lambda would end the function without an answer", async () => {
    services.decide = () => {
      throw new DOMException("late", "TimeoutError");
    };
    const answer = await callApi(handler, { path: base, ...asUser });
    expect([answer.status, answer.json.error.code]).toEqual([504, "timeout"]);
  });
});

describe("security", () => {
  it("answers 401 to nobody and to a context that is malformed", async () => {
    const contexts: (Record<string, string> | undefined)[] = [
      undefined,
      {},
      { actorType: "public" },
      { ...userAuth, userId: "x" },
      { ...userAuth, actorType: "system" },
    ];
    for (const authorizer of contexts) {
      const answer = await callApi(handler, { path: base, ...(authorizer ? { authorizer } : {}) });
      expect([answer.status, answer.json.error.code]).toEqual([401, "unauthenticated"]);
      expect(answer.headers["www-authenticate"]).toBe("Bearer");
    }
    expect(services.asked).toEqual([]);
  });

  it("asks about the space before it looks at the rest of the path", async () => {
    services.decide = () => {
      throw notFound("space");
    };
    const answer = await callApi(handler, { path: `${base}/%E0%A4%A`, ...asUser });
    expect([answer.status, answer.json.error.code]).toEqual([404, "not_found"]);
  });

  it("refuses before it looks at the body", async () => {
    const answer = await callApi(handler, { method: "POST", path: base, body: "{", headers: {} });
    expect(answer.status).toBe(401);
  });

  it("tells nothing of an unexpected failure", async () => {
    const answer = await callApi(handler, { method: "POST", path: base, body: { name: "boom" }, ...asUser });
    expect(answer.status).toBe(500);
    expect(answer.json.error.message).toBe("internal error");
    expect(answer.text).not.toContain("secret detail");
  });

  it("does not take a request id from the caller", async () => {
    const answer = await callApi(handler, { path: "/health", headers: { "x-request-id": "mine" } });
    expect(answer.headers["x-request-id"]).not.toBe("mine");
  });

  it("answers with the change made when its log row cannot be written", async () => {
    const { audit } = services;
    services.audit = async () => {
      throw new Error("store down");
    };
    const answer = await callApi(handler, { method: "POST", path: base, body: { name: "n" }, ...asUser });
    services.audit = audit;
    expect(answer.status).toBe(201);
  });
});
