import { type HttpRequest, type HttpResponse, NodeError } from "@weft/engine/node";
import { describe, expect, it } from "vitest";
import { around, failureOf, outputOf } from "./single.ts";

describe("http_request", () => {
  const answer = (status: number, body = "", headers: Record<string, string> = {}): HttpResponse => ({
    status,
    headers,
    body: new TextEncoder().encode(body),
  });
  function recorder(...answers: (HttpResponse | Error)[]) {
    const seen: HttpRequest[] = [];
    const request = async (item: HttpRequest) => {
      seen.push(item);
      const next = answers[seen.length - 1] ?? answer(200, "ok");
      if (next instanceof Error) throw next;
      return next;
    };
    return { seen, over: { deps: { http: { request } } } };
  }
  const inputs = [{ name: "x", ref: "start.in" }];
  const http = (config: object, onError: object = {}) =>
    around({ type: "http_request", data: { config: { url: "http://api.test/p", ...config }, inputs, onError } }, [
      "body",
      "statusCode",
    ]);

  it("sends what the configuration and the inputs say", async () => {
    const { seen, over } = recorder();
    const config = {
      method: "POST",
      url: " http://api.test/{{x}}?a=1\n",
      params: [
        { name: "q", input: "x" },
        { name: "r", value: "<{{x}}>" },
      ],
      headers: [{ name: "X-One", value: "1" }],
      auth: { type: "bearer", token: { value: "t" } },
      body: { type: "urlencoded", fields: [{ name: "f", input: "x" }] },
    };
    expect(await outputOf(http(config), { in: "a b" }, over)).toEqual({ body: "ok", statusCode: 200 });
    expect(seen[0]).toMatchObject({
      method: "POST",
      url: "http://api.test/a%20b?a=1&q=a+b&r=%3Ca+b%3E",
      body: "f=a+b",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "Idempotency-Key": "exe_test:n",
        "X-One": "1",
        Authorization: "Bearer t",
      },
    });
  });

  it.each([
    ['{"a":"{{x}}"}', 'say "hi"\n', '{"a":"say \\"hi\\"\\n"}'],
    ['{"a":{{x}}}', { b: [1] }, '{"a":{"b":[1]}}'],
    ['{"a":{{x}}}', "text", '{"a":"text"}'],
    ['{"a":"{{x}}"}', '","admin":true,"b":"', '{"a":"\\",\\"admin\\":true,\\"b\\":\\""}'],
    ['{"a":{{x}}}', '1,"admin":true', '{"a":"1,\\"admin\\":true"}'],
    ["{{x}}", '{"whole":1}', '{"whole":1}'],
    ['{"a\\"":"{{x}}","b":"{{unknown}}"}', 1, '{"a\\"":"1","b":"{{unknown}}"}'],
  ])("puts values into the JSON %s", async (template, value, expected) => {
    const { seen, over } = recorder();
    await outputOf(http({ method: "POST", body: { type: "json", template } }), { in: value }, over);
    expect(seen[0]?.body).toBe(expected);
  });

  it("sends raw text, and files as they are read", async () => {
    const raw = recorder();
    await outputOf(http({ method: "PUT", body: { type: "raw", template: "<{{x}}>" } }), { in: 5 }, raw.over);
    expect(raw.seen[0]).toMatchObject({ body: "<5>", headers: { "Content-Type": "text/plain" } });
    const binary = recorder(answer(200, "BYTES", { "content-type": "image/png" }));
    await outputOf(
      http({ method: "POST", body: { type: "binary", file: { input: "x" } } }),
      { in: "http://f.test/a.png" },
      binary.over,
    );
    expect(binary.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET http://f.test/a.png",
      "POST http://api.test/p",
    ]);
    expect(new TextDecoder().decode(binary.seen[1]?.body as Uint8Array)).toBe("BYTES");
    const gone = recorder(answer(404));
    const failure = await failureOf(
      http({ method: "POST", body: { type: "binary", file: { input: "x" } } }),
      { in: "http://f.test" },
      gone.over,
    );
    expect(failure.error.code).toBe("file_unavailable");
  });

  it("sends Files of the space by their ids, without asking an address", async () => {
    const fileId = "fil_01jd0000000000000000000000";
    const files = {
      get: async (key: string) =>
        key === fileId ? { bytes: Buffer.from("PNG!"), contentType: "image/png", name: "logo.png" } : null,
      put: async () => undefined,
    };
    const { seen, over } = recorder();
    const both = { deps: { ...over.deps, files } };
    const binary = http({ method: "POST", body: { type: "binary", file: { input: "x" } } });
    await outputOf(binary, { in: fileId }, both);
    expect(seen[0]).toMatchObject({ headers: { "Content-Type": "image/png" } });
    expect(Buffer.from(seen[0]?.body as Uint8Array).toString()).toBe("PNG!");
    const field = { name: "f", input: "x", file: true };
    await outputOf(http({ method: "POST", body: { type: "form_data", fields: [field] } }), { in: fileId }, both);
    expect(Buffer.from(seen[1]?.body as Uint8Array).toString()).toContain('filename="logo.png"');
    const missing = await failureOf(binary, { in: "fil_01jd0000000000000000000001" }, both);
    expect(missing.error.code).toBe("not_found");
    expect(seen).toHaveLength(2);
  });

  it("fails for an answer of 400 and above, naming its status", async () => {
    const { over } = recorder(answer(418, "teapot"));
    expect((await failureOf(http({}), {}, over)).error).toEqual({
      code: "http_error",
      message: "HTTP 418: teapot",
      details: { statusCode: 418 },
    });
  });

  it("is tried again as its policy says, after what may pass", async () => {
    const policy = { retries: 3, delayMs: 0 };
    const passing = recorder(
      answer(503),
      new Error("reset"),
      answer(429, "", { "retry-after": "0" }),
      answer(200, "yes"),
    );
    expect(await outputOf(http({}, policy), {}, passing.over)).toEqual({ body: "yes", statusCode: 200 });
    expect(passing.seen).toHaveLength(4);
    expect(new Set(passing.seen.map(({ headers }) => headers["Idempotency-Key"]))).toEqual(new Set(["exe_test:n"]));
    const final = recorder(answer(404));
    await failureOf(http({}, policy), {}, final.over);
    expect(final.seen).toHaveLength(1);
    const transport = recorder(new Error("reset"), answer(503));
    await failureOf(http({ retryOn: "transport" }, policy), {}, transport.over);
    expect(transport.seen).toHaveLength(2);
  });

  it("refuses what is no address or header before anything is sent", async () => {
    const { seen, over } = recorder();
    const codes: string[] = [];
    for (const config of [
      { url: "{{x}}" },
      { headers: [{ name: "X", input: "x" }] },
      { auth: { type: "custom", addTo: "header", key: { input: "x" }, value: { value: "v" } } },
      { method: "POST", body: { type: "json", template: '{"a":' } },
    ]) {
      codes.push((await failureOf(http(config), { in: "file:///etc\r\nX-Evil: 1" }, over)).error.code);
    }
    expect(codes).toEqual(["invalid_url", "invalid_header", "invalid_header", "invalid_body"]);
    expect(seen).toEqual([]);
    expect((await failureOf(http({}))).error.code).toBe("unavailable");
  });

  it("says which of its headers is a secret", async () => {
    const { seen, over } = recorder();
    const auth = { type: "custom", addTo: "header", key: { value: "X-Own" }, value: { value: "s" } };
    await outputOf(http({ auth, headers: [{ name: "X-One", value: "1" }] }), {}, over);
    expect(seen[0]).toMatchObject({ headers: { "X-Own": "s", "X-One": "1" }, secretHeaders: ["x-own"] });
  });

  it("passes on what egress refuses", async () => {
    const { over } = recorder(new NodeError("egress_refused", "a private address", { retryable: false }));
    expect((await failureOf(http({}), {}, over)).error.code).toBe("egress_refused");
  });
});
