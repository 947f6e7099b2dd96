import { createHash, createHmac } from "node:crypto";
import { WebhookAuthInput } from "@weft/core/trigger/webhook.auth.schema";
import { type SignedRequest, verifySignature } from "@weft/core/trigger/webhook.signature";
import { describe, expect, it } from "vitest";

type Signed = Parameters<typeof verifySignature>[0];

interface Case {
  auth: Signed;
  secret: string;
  request: SignedRequest;
  /** When it was signed, in milliseconds. */
  at: number;
  /** The scheme signs when it was. */
  isTimed: boolean;
}

const request = (headers: Record<string, string>, body: string, over: Partial<SignedRequest> = {}): SignedRequest => ({
  ...{ method: "POST", path: "/", urls: [], query: {}, headers, rawBody: Buffer.from(body) },
  ...over,
});
const custom = (over: object): Signed =>
  WebhookAuthInput.parse({ type: "hmac", header: "X-Signature", ...over }) as Signed;
const hmac = (algorithm: string, key: string, text: string, encoding: "hex" | "base64") =>
  createHmac(algorithm, key).update(text).digest(encoding);

const SLACK_BODY =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
  "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com" +
  "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121." +
  "803a0bc887a14d10d2c447fce8b6703c";
const TWILIO_FIELDS = (number: string) =>
  new URLSearchParams({
    To: "+18005551212",
    From: number,
    Digits: "1234",
    Caller: number,
    CallSid: "CA1234567890ABCDE",
  });
const TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2";
const FORM = { "content-type": "application/x-www-form-urlencoded; charset=UTF-8" };
const TWILIO_JSON = '{"CallSid":"CA1234567890ABCDE","Caller":"+12349013030"}';
const TWILIO_HASH = createHash("sha256").update(TWILIO_JSON).digest("hex");
const STRIPE_BODY = '{\n  "id": "evt_1",\n  "object": "event"\n}';
const SHOPIFY_BODY = '{"id":820982911946154508,"email":"jon@example.com"}';

/** GitHub's, Slack's, Twilio's and Standard Webhooks' own documented examples; the others made as their documents say. */
const CASES: Record<string, Case> = {
  github: {
    auth: { type: "github" },
    secret: "It's a Secret to Everybody",
    request: request(
      { "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" },
      "Hello, World!",
    ),
    at: 0,
    isTimed: false,
  },
  slack: {
    auth: { type: "slack" },
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    request: request(
      {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
      },
      SLACK_BODY,
    ),
    at: 1_531_420_618_000,
    isTimed: true,
  },
  "twilio, a form": {
    auth: { type: "twilio" },
    secret: "12345",
    request: request(
      { ...FORM, "x-twilio-signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ=" },
      String(TWILIO_FIELDS("+12349013030")),
      {
        urls: [TWILIO_URL],
      },
    ),
    at: 0,
    isTimed: false,
  },
  "twilio, a form of its older document": {
    auth: { type: "twilio", url: TWILIO_URL },
    secret: "12345",
    request: request(
      { ...FORM, "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
      String(TWILIO_FIELDS("+14158675309")),
      {
        urls: ["https://elsewhere.example/"],
      },
    ),
    at: 0,
    isTimed: false,
  },
  "twilio, JSON": {
    auth: { type: "twilio" },
    secret: "12345",
    request: request(
      {
        "content-type": "application/json",
        "x-twilio-signature": hmac("sha1", "12345", `https://example.com/myapp?bodySHA256=${TWILIO_HASH}`, "base64"),
      },
      TWILIO_JSON,
      { urls: [`https://example.com/myapp?bodySHA256=${TWILIO_HASH}`], query: { bodySHA256: [TWILIO_HASH] } },
    ),
    at: 0,
    isTimed: false,
  },
  stripe: {
    auth: { type: "stripe" },
    secret: "whsec_test",
    request: request(
      {
        "stripe-signature": `t=1492774577,v1=${hmac("sha256", "whsec_test", `1492774577.${STRIPE_BODY}`, "hex")},v0=aa`,
      },
      STRIPE_BODY,
    ),
    at: 1_492_774_577_000,
    isTimed: true,
  },
  shopify: {
    auth: { type: "shopify" },
    secret: "hush",
    request: request({ "x-shopify-hmac-sha256": hmac("sha256", "hush", SHOPIFY_BODY, "base64") }, SHOPIFY_BODY),
    at: 0,
    isTimed: false,
  },
  "standard webhooks": {
    auth: custom({
      header: "webhook-signature",
      encoding: "base64",
      prefix: "v1,",
      template: "{id}.{timestamp}.{body}",
      timestampHeader: "webhook-timestamp",
      idHeader: "webhook-id",
      secretEncoding: "base64",
    }),
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    request: request(
      {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,b2xkIHNpZ25hdHVyZQ== v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
      },
      '{"test": 2432232314}',
    ),
    at: 1_614_265_330_000,
    isTimed: true,
  },
  "an own form": {
    auth: custom({
      algorithm: "sha512",
      prefix: "sig=",
      template: "{method} {path}\n{timestamp}\n{body}",
      timestampHeader: "X-Time",
    }),
    secret: "own",
    request: request(
      {
        "x-time": "2024-05-01T10:00:00Z",
        "x-signature":
          `sig=${hmac("sha512", "own", "POST /a/b\n2024-05-01T10:00:00Z\nbody", "hex").toUpperCase()}`.replace(
            "SIG",
            "sig",
          ),
      },
      "body",
      { path: "/a/b" },
    ),
    at: Date.parse("2024-05-01T10:00:00Z"),
    isTimed: true,
  },
};

const isGood = ({ auth, secret, request, at }: Case, over: Partial<SignedRequest> = {}, now = at, secrets = [secret]) =>
  "signature" in verifySignature(auth, secrets, { ...request, ...over }, now);

const SIGNATURE = /signature|hmac/;
const withHeaders = (request: SignedRequest, change: (value: string) => string, name = SIGNATURE) => ({
  headers: Object.fromEntries(
    Object.entries(request.headers).map(([key, value = ""]) => [key, name.test(key) ? change(value) : value]),
  ),
});

describe.each(Object.entries(CASES))("the signature of %s", (_name, one) => {
  const { request } = one;
  const text = Buffer.from(request.rawBody).toString();

  it("is taken", () => expect(isGood(one)).toBe(true));

  it("is refused for another body, be it one bit, one blank or another writing of the same", () => {
    const flipped = Buffer.from(request.rawBody);
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    expect(isGood(one, { rawBody: flipped })).toBe(false);
    const isForm = request.headers["content-type"]?.includes("form") ?? false;
    expect(isGood(one, { rawBody: Buffer.from(isForm ? `${text}&x=1` : `${text} `) })).toBe(false);
    expect(isGood(one, { rawBody: Buffer.alloc(0) })).toBe(false);
    if (text.startsWith("{")) {
      const again = JSON.stringify(JSON.parse(text), null, text.includes("\n") ? 0 : 1);
      expect(again).not.toBe(text);
      expect(isGood(one, { rawBody: Buffer.from(again) })).toBe(false);
    }
  });

  it("is refused under another secret, and taken under one of two", () => {
    expect(isGood(one, {}, one.at, ["another"])).toBe(false);
    expect(isGood(one, {}, one.at, [])).toBe(false);
    expect(isGood(one, {}, one.at, ["bmV3ZXI=", one.secret])).toBe(true);
  });

  it("is refused where it is missing, empty, cut or longer", () => {
    expect(
      isGood(
        one,
        withHeaders(request, () => ""),
      ),
    ).toBe(false);
    expect(isGood(one, { headers: { "content-type": request.headers["content-type"] } })).toBe(false);
    expect(
      isGood(
        one,
        withHeaders(request, (value) => value.replace(/(\w)[^\w,]*(,v0=aa)?$/, "")),
      ),
    ).toBe(false);
    expect(
      isGood(
        one,
        withHeaders(request, (value) => value.replace(/(,v0=aa)?$/, "a")),
      ),
    ).toBe(false);
  });

  it("is refused five minutes off, either way, where its time is signed", () => {
    const off = 300_000;
    expect([isGood(one, {}, one.at + off), isGood(one, {}, one.at - off)]).toEqual([true, true]);
    const far = [isGood(one, {}, one.at + off + 1_000), isGood(one, {}, one.at - off - 1_000)];
    expect(far).toEqual([!one.isTimed, !one.isTimed]);
  });

  it("is refused where the time was changed to a later one", () => {
    if (!one.isTimed) return;
    const later = (value: string) =>
      value.replace(/14927|15314|16142|2024-05-01T1/, (digits) => digits.replace(/.$/, "9"));
    const changed = withHeaders(request, later, /time|stripe-signature/);
    expect(changed.headers).not.toEqual(request.headers);
    for (const days of [0, 1, 60, 365]) expect(isGood(one, changed, one.at + days * 86_400_000)).toBe(false);
  });
});

describe("schemes", () => {
  it("take no weaker signature than their own", () => {
    const one = CASES.stripe as Case;
    const body = hmac("sha256", one.secret, `1492774577.${STRIPE_BODY}`, "hex");
    expect(isGood(one, { headers: { "stripe-signature": `t=1492774577,v0=${body}` } })).toBe(false);
    expect(isGood(one, { headers: { "stripe-signature": `v1=${body}` } })).toBe(false);
    const old = hmac("sha1", "It's a Secret to Everybody", "Hello, World!", "hex");
    expect(isGood(CASES.github as Case, { headers: { "x-hub-signature": `sha1=${old}` } })).toBe(false);
  });

  it("of Twilio cover the address and a body that is no form", () => {
    const form = CASES["twilio, a form"] as Case;
    expect(isGood(form, { urls: ["https://mycompany.com/other.php?foo=1&bar=2"] })).toBe(false);
    const json = CASES["twilio, JSON"] as Case;
    expect(isGood(json, { rawBody: Buffer.from("{}") })).toBe(false);
    expect(isGood(json, { query: {}, urls: ["https://example.com/myapp"] })).toBe(false);
  });

  it("of one's own have to sign the body, and a time where they name one", () => {
    const parse = (over: object) => WebhookAuthInput.safeParse({ type: "hmac", header: "X-S", ...over }).success;
    expect(parse({})).toBe(true);
    expect(parse({ template: "{timestamp}" })).toBe(false);
    expect(parse({ timestampHeader: "X-T" })).toBe(false);
    expect(parse({ template: "{timestamp}.{body}" })).toBe(false);
    expect(parse({ template: "{id}.{body}" })).toBe(false);
    expect(parse({ toleranceSeconds: 301 })).toBe(false);
  });
});
