import { isSecretKey, REDACTED, redact, redactText } from "@weft/kernel/redact";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const SECRETS = [
  "sk_live1234567890abcd",
  "sk-proj-abcdefghijklmnop",
  "AKIAIOSFODNN7EXAMPLE",
  "ghp_abcdefghijklmnopqrstuvwx",
  "xoxb-1234567890-abc",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
  "Bearer abcdef0123456789",
];

describe("redaction", () => {
  it("hides fields by name, whatever they hold", () => {
    const names = [
      "password",
      "newPassword",
      "apiKey",
      "api_key",
      "Authorization",
      "accessToken",
      "client_secret",
      "cookie",
    ];
    for (const name of names) {
      for (const value of ["x", 7, ["x"], { deep: "x" }, false])
        expect(redact({ [name]: value })).toEqual({ [name]: REDACTED });
      expect(redact({ [name]: null })).toEqual({ [name]: null });
    }
  });

  it("shows counters of tokens and plain fields", () => {
    const plain = {
      maxTokens: 5,
      prompt_tokens: 6,
      totalTokens: 7,
      name: "n",
      keyboard: "k",
      authors: ["a"],
      monkey: 1,
    };
    expect(redact(plain)).toEqual(plain);
    expect(isSecretKey("nextCursor")).toBe(false);
  });

  it("hides what looks like a secret inside any text, its context kept", () => {
    for (const secret of SECRETS) {
      const text = redactText(`before ${secret} after`);
      expect(text).not.toContain(secret);
      expect(text).toMatch(/^before .* after$/);
      expect(JSON.stringify(redact({ note: [`x ${secret}`] }))).not.toContain(secret);
    }
    expect(redactText("postgres://user:hunter2@db/x?token=abc&a=1")).toBe(
      `postgres://user:${REDACTED}@db/x?token=${REDACTED}&a=1`,
    );
    const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
    expect(redactText(`a ${pem} b`)).toBe(`a ${REDACTED} b`);
    expect(redactText(pem.slice(0, 40))).toBe(REDACTED);
  });

  it("hides a secret that a cut would have halved", () => {
    const text = redact(`${"x".repeat(246)} ${SECRETS[0]}`) as string;
    expect(text).not.toContain("live");
  });

  it("bounds depth, length and number", () => {
    let deep: unknown = "end";
    for (let n = 0; n < 5000; n++) deep = { deep };
    expect(JSON.stringify(redact(deep)).length).toBeLessThan(100);
    const many = redact({ list: Array.from({ length: 1000 }, (_, n) => n), text: "y".repeat(100_000) });
    expect(JSON.stringify(many).length).toBeLessThan(1000);
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(JSON.stringify(redact(circle))).toContain("…");
  });

  it("never throws and never runs the value's own code (property)", () => {
    const hostile = {
      toJSON: () => "ran",
      get trap(): string {
        throw new Error("ran");
      },
    };
    expect(redact(hostile)).toEqual({ toJSON: undefined, trap: undefined });
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true }), (value) => {
        JSON.stringify(redact(value));
      }),
    );
  });
});
