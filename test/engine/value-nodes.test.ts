import { createHmac, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";

const out = async (type: string, config: object, inputs: Record<string, unknown> = {}) =>
  (await call(type, config, inputs)).output.output;

describe("date_time", () => {
  const at = (config: object, date: unknown = "2026-03-29T00:30:00Z", more: object = {}) =>
    out("date_time", config, { date, ...more });
  it("reads the usual forms, and others by a format", async () => {
    const zone = "Europe/Berlin";
    expect(await at({ operation: "parse" }, "2026-01-02 03:04:05")).toBe("2026-01-02T03:04:05.000Z");
    expect(await at({ operation: "parse", zone }, "2026-01-02T03:04:05")).toBe("2026-01-02T03:04:05.000+01:00");
    expect(await at({ operation: "parse", zone }, 0)).toBe("1970-01-01T01:00:00.000+01:00");
    expect(await at({ operation: "parse" }, "1700000000000")).toBe("2023-11-14T22:13:20.000Z");
    expect(await at({ operation: "parse" }, "Fri, 02 Jan 2026 03:04:05 +0200")).toBe("2026-01-02T01:04:05.000Z");
    expect(await at({ operation: "parse", format: "dd.MM.yyyy 'at' HH:mm" }, "02.01.2026 at 03:04")).toBe(
      "2026-01-02T03:04:00.000Z",
    );
  });
  it("writes in a zone and a language", async () => {
    const config = { operation: "format", format: "EEEE d MMMM yyyy HH:mm ZZ", zone: "Asia/Tokyo" };
    expect(await at(config)).toBe("Sunday 29 March 2026 09:30 +09:00");
    expect(await at({ ...config, locale: "de-DE" })).toBe("Sonntag 29 März 2026 09:30 +09:00");
  });
  it("adds by the calendar of its zone, over changes of the clock", async () => {
    const days = { operation: "add", zone: "Europe/Berlin", amounts: [{ unit: "days", amount: 1 }] };
    expect(await at(days, "2026-03-28T12:00:00")).toBe("2026-03-29T12:00:00.000+02:00");
    const hours = { operation: "add", zone: "Europe/Berlin", amounts: [{ unit: "hours", amount: { input: "n" } }] };
    expect(await at(hours, "2026-03-28T12:00:00", { n: "24" })).toBe("2026-03-29T13:00:00.000+02:00");
    expect(await at({ ...days, subtract: true }, "2026-03-01")).toBe("2026-02-28T00:00:00.000+01:00");
    expect(await at({ operation: "round", to: "month", edge: "end" })).toBe("2026-03-31T23:59:59.999Z");
    expect(await at({ operation: "part", part: "weekNumber" })).toBe(13);
  });
  it("tells how far apart times are", async () => {
    const inputs = { from: "2026-01-31", to: "2026-03-02T12:00:00Z" };
    expect(await out("date_time", { operation: "diff" }, inputs)).toBe(30.5);
    expect(await out("date_time", { operation: "diff", units: ["months", "days", "hours"] }, inputs)).toEqual({
      months: 1,
      days: 2,
      hours: 12,
    });
  });
  it("gives the run's clock", async () => {
    expect(await out("date_time", { operation: "now" })).toBe("2026-01-01T00:00:00.000Z");
  });
  it("refuses what is no time", async () => {
    const rubbish = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1e300,
      "",
      "x",
      null,
      {},
      [],
      true,
      "9".repeat(1e6),
      "2026-13-01",
    ];
    for (const date of rubbish)
      expect(await refusal("date_time", { operation: "parse" }, { date })).toBe("invalid_date");
    const add = { operation: "add", amounts: [{ unit: "years", amount: 1e12 }] };
    expect(await refusal("date_time", add, { date: 0 })).toBe("invalid_date");
    const from = { operation: "add", amounts: [{ unit: "years", amount: { input: "n" } }] };
    expect(await refusal("date_time", from, { date: 0, n: "x" })).toBe("invalid_value");
  });
  it("takes only formats that are read in one way, and zones that there are", async () => {
    for (const config of [{ format: "yuyuyuyu" }, { format: "dd.dd d" }, { zone: "Mars/Base" }, { zone: "+01:00" }]) {
      await expect(at({ operation: "parse", ...config })).rejects.toMatchObject({ name: expect.stringMatching(/Zod/) });
    }
  });
});

describe("crypto", () => {
  const known: [object, string][] = [
    [{ operation: "hash", algorithm: "md5" }, "900150983cd24fb0d6963f7d28e17f72"],
    [{ operation: "hash" }, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [{ operation: "encode" }, "YWJj"],
    [{ operation: "encode", outputAs: "hex" }, "616263"],
    [{ operation: "hmac", secret: "key", algorithm: "sha1" }, createHmac("sha1", "k").update("abc").digest("hex")],
  ];
  it.each(known)("%j", async (config, expected) => {
    expect(await out("crypto", config, { value: "abc", key: "k" })).toBe(expected);
  });
  it("verifies a webhook's signature", async () => {
    const signature = createHmac("sha256", "s").update("body").digest("base64");
    const config = { operation: "verify_hmac", secret: "key", signature: "sig", signatureAs: "base64" };
    expect(await out("crypto", config, { value: "body", key: "s", sig: signature })).toBe(true);
    expect(await out("crypto", config, { value: "Body", key: "s", sig: signature })).toBe(false);
    expect(await out("crypto", config, { value: "body", key: "s", sig: "AAAA" })).toBe(false);
    expect(await refusal("crypto", config, { value: "body", key: "", sig: signature })).toBe("missing_secret");
    expect(await refusal("crypto", config, { value: "body", key: "s", sig: "!" })).toBe("invalid_encoding");
  });
  it("signs and verifies with keys", async () => {
    for (const [type, algorithm] of [
      ["rsa", "sha256"],
      ["ec", "sha384"],
      ["ed25519", "ed25519"],
    ] as const) {
      const { privateKey, publicKey } = generateKeyPairSync(
        type as "rsa",
        {
          modulusLength: 2048,
          namedCurve: "P-256",
          publicKeyEncoding: { type: "spki", format: "pem" },
          privateKeyEncoding: { type: "pkcs8", format: "pem" },
        } as never,
      ) as unknown as { privateKey: string; publicKey: string };
      const inputs = { value: "text", priv: privateKey, pub: publicKey };
      const sig = await out("crypto", { operation: "sign", privateKey: "priv", algorithm }, inputs);
      const verify = { operation: "verify", publicKey: "pub", signature: "sig", algorithm };
      expect(await out("crypto", verify, { ...inputs, sig })).toBe(true);
      expect(await out("crypto", verify, { ...inputs, sig, value: "other" })).toBe(false);
    }
  });
  it("never repeats a key in what it says", async () => {
    for (const priv of [
      "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----",
      "SECRET",
      "S".repeat(20_000),
    ]) {
      const failure = await call("crypto", { operation: "sign", privateKey: "p" }, { value: "", p: priv }).catch(
        (e) => e,
      );
      expect(failure.code).toBe("invalid_key");
      expect(JSON.stringify([failure.message, failure.cause ?? null])).not.toContain("SECRET");
    }
  });
  it("makes random values of the form that is asked for", async () => {
    expect(await out("crypto", { operation: "uuid" })).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(await out("crypto", { operation: "random_bytes", bytes: 5 })).toMatch(/^[0-9a-f]{10}$/);
    expect(await out("crypto", { operation: "random_text", length: 9, alphabet: "digits" })).toMatch(/^\d{9}$/);
    const number = await out("crypto", { operation: "random_integer", min: -3, max: -2 });
    expect([-3, -2]).toContain(number);
    expect(await refusal("crypto", { operation: "random_integer", min: 2, max: 1 })).toBe("invalid_value");
  });
  it("gives bytes back as they were", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.constantFrom("hex", "base64", "base64url"), async (bytes, as) => {
        const value = Buffer.from(bytes).toString("base64");
        const there = await out("crypto", { operation: "encode", inputAs: "base64", outputAs: as }, { value });
        expect(await out("crypto", { operation: "encode", inputAs: as, outputAs: "base64" }, { value: there })).toBe(
          value,
        );
      }),
    );
    const config = { operation: "encode", inputAs: "base64", outputAs: "text" };
    expect(await refusal("crypto", config, { value: "/w==" })).toBe("invalid_encoding");
    expect(await refusal("crypto", { operation: "hash" }, { value: "x".repeat(40_000_000) })).toBe("too_large");
  });
});

describe("check_parameters", () => {
  const errors = async (rule: object, x: unknown) =>
    (await call("check_parameters", { rules: [{ input: "x", ...rule }], onInvalid: "branch" }, { x })).output.errors;
  it.each([
    [{ required: true }, "", "is required"],
    [{ type: "integer" }, 1.5, "must be a integer"],
    [{ min: 2 }, 1, "must be at least 2"],
    [{ max: 2 }, "3", "must be a number"],
    [{ maxLength: 2 }, "äöü", "must have a length of at most 2"],
    [{ minLength: 2 }, [1], "must have a length of at least 2"],
    [{ oneOf: ["a", { b: 1 }] }, "c", "is none of the values that are allowed"],
    [{ format: "email" }, "a@", "must be a valid email"],
    [{ format: "url" }, "javascript:alert(1)", "must be a valid url"],
    [{ format: "email" }, `${"a".repeat(100_000)}@b.de`, "must be a valid email"],
    [{ pattern: "^(a+)+$" }, `${"a".repeat(50_000)}!`, "does not have the form that is asked for"],
  ])("%j", async (rule, value, message) => {
    expect(await errors(rule, value)).toEqual([{ input: "x", message: `x ${message}` }]);
  });
  it("lets good values by", async () => {
    for (const [rule, value] of [
      [{ type: "number", min: 0, max: 5 }, 5],
      [{ format: "email" }, "ann@example.org"],
      [{ oneOf: [{ a: 1, b: 2 }] }, { b: 2, a: 1 }],
      [{ pattern: "^a.c$", format: "uuid" }, null],
    ] as const) {
      expect(await errors(rule, value)).toEqual([]);
    }
  });
  it("fails, or leaves by a port", async () => {
    const rules = [{ input: "x", required: true, message: "who?" }];
    expect(await refusal("check_parameters", { rules }, {})).toBe("invalid_parameters");
    expect((await call("check_parameters", { rules, onInvalid: "branch" }, {})).port).toBe("invalid");
    expect((await call("check_parameters", { rules, onInvalid: "branch" }, { x: 1 })).port).toBe("valid");
    expect((await call("check_parameters", { rules }, { x: 1 })).port).toBeUndefined();
  });
});

describe("switch", () => {
  const rules = [
    { name: "big", conditions: [{ left: "x.n", operator: "gt", value: 10 }] },
    { conditions: [{ left: "x.s", operator: "matches", value: "^a" }] },
  ];
  it("leaves by the first rule that holds", async () => {
    const port = async (x: object, more = {}) => (await call("switch", { mode: "rules", rules, ...more }, { x })).port;
    expect(await port({ n: 11, s: "a" })).toBe("case_0");
    expect(await port({ n: 1, s: "ab" })).toBe("case_1");
    expect(await port({ n: 1, s: "b" })).toBe("default");
    expect(await port({ s: "b" }, { fallback: false })).toBe("none");
    expect((await call("switch", { mode: "rules", rules }, { x: { n: 11 } })).output).toEqual({
      index: 0,
      name: "big",
    });
  });
  it("leaves by number", async () => {
    const port = async (x: unknown) => (await call("switch", { mode: "index", input: "x", ports: 3 }, { x })).port;
    expect(await Promise.all([2, "1", 3, -1, 1.5, null, "", "x"].map(port))).toEqual([
      "case_2",
      "case_1",
      ...new Array(6).fill("default"),
    ]);
  });
});

describe("stop_with_error", () => {
  it("fails with its own words and code", async () => {
    const failure = await call(
      "stop_with_error",
      { message: "no {{x}}", code: "no_x", details: "x" },
      { x: "{{y}}" },
    ).catch((e) => e);
    expect(failure).toMatchObject({ code: "no_x", message: "no {{y}}", retryable: false, details: "{{y}}" });
  });
});

describe("respond_to_webhook", () => {
  const respond = async (config: object, inputs: Record<string, unknown> = {}) => {
    const sent: unknown[] = [];
    const { output } = await call("respond_to_webhook", config, inputs, { emitResponse: (one) => void sent.push(one) });
    expect(sent).toHaveLength(1);
    return output;
  };
  it("gives status, headers and body", async () => {
    const headers = [{ name: "X-Id", value: "{{x}}" }];
    expect(await respond({ status: 201, headers, body: { type: "json", input: "x" } }, { x: "a" })).toEqual({
      status: 201,
      headers: { "content-type": "application/json", "x-id": "a" },
      body: '"a"',
      isBase64: false,
    });
    expect(await respond({})).toEqual({ status: 200, headers: {}, body: "", isBase64: false });
    const redirect = { body: { type: "redirect", url: "https://a.example/{{x}}" } };
    expect(await respond(redirect, { x: "b c" })).toMatchObject({
      status: 302,
      headers: { location: "https://a.example/b%20c" },
    });
    expect(await respond({ body: { type: "binary", input: "x" } }, { x: "AAE=" })).toMatchObject({
      isBase64: true,
      body: "AAE=",
    });
  });
  it("gives a file of the space, by its key or as it came", async () => {
    const bytes = new Uint8Array([0, 255, 1]);
    const known = ["reports/a.bin", "fil_01jd0000000000000000000000"];
    const files = { get: async (key: string) => (known.includes(key) ? { bytes, contentType: "image/png" } : null) };
    const config = { body: { type: "file", input: "x" } };
    const deps = { files } as never;
    for (const x of [known[0], known[1], { id: known[1], name: "a.png" }]) {
      const { output } = await call("respond_to_webhook", config, { x }, { deps });
      expect(output).toMatchObject({ headers: { "content-type": "image/png" }, body: "AP8B", isBase64: true });
    }
    expect(await refusal("respond_to_webhook", config, { x: "b" }, { deps })).toBe("not_found");
    expect(await refusal("respond_to_webhook", config, { x: "../a" }, { deps })).toBe("invalid_key");
  });
  it("lets nobody write headers of their own into it", async () => {
    const header = (name: string, value: string) => ({ headers: [{ name, value }] });
    expect(await refusal("respond_to_webhook", header("x", "{{x}}"), { x: "a\r\nset-cookie: b" })).toBe(
      "invalid_header",
    );
    expect(await refusal("respond_to_webhook", header("Transfer-Encoding", "chunked"))).toBe("invalid_header");
    for (const url of ["javascript:alert(1)", "//evil.example", "data:text/html,x"]) {
      expect(await refusal("respond_to_webhook", { body: { type: "redirect", url: "{{x}}" } }, { x: url })).toBe(
        "invalid_url",
      );
    }
    const large = { body: { type: "json", input: "x" } };
    expect(await refusal("respond_to_webhook", large, { x: "y".repeat(6_000_000) })).toBe("too_large");
  });
});

describe("sub_workflow without waiting", () => {
  const called = { workflowId: "wfl_x", version: "1.0.0", plan: {} };
  it("starts the workflow under a key of its own and goes on", async () => {
    const started: unknown[] = [];
    const workflows = {
      load: async () => called as never,
      start: async (...given: unknown[]) => {
        started.push(given);
        return { executionId: "exe_new" };
      },
    };
    const config = { workflowId: "wfl_x", wait: false };
    const { output } = await call("sub_workflow", config, { a: 1 }, { deps: { workflows }, childExecutions: true });
    expect(output).toEqual({ executionId: "exe_new" });
    expect(started).toEqual([[{ workflowId: "wfl_x", version: "1.0.0" }, { a: 1 }, "exe_test:n"]]);
  });
  it("says where that cannot be done", async () => {
    const workflows = { load: async () => called as never };
    const config = { workflowId: "wfl_x", wait: false };
    expect(await refusal("sub_workflow", config, {}, { deps: { workflows } })).toBe("unavailable");
  });
});
