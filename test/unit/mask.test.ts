import { SecretMask } from "@weft/kernel/mask";
import { REDACTED } from "@weft/kernel/redact";
import { describe, expect, it } from "vitest";

const SECRET = 'pa+ss/wörd "x"\n=1';

function maskOf(...values: unknown[]): SecretMask {
  const mask = new SecretMask();
  for (const value of values) mask.add(value);
  return mask;
}

describe("a mask of secrets", () => {
  it.each([
    ["as it is", SECRET],
    ["in JSON", JSON.stringify(SECRET).slice(1, -1)],
    ["in a URL", encodeURIComponent(SECRET)],
    ["in a form", encodeURIComponent(SECRET).replaceAll("%20", "+")],
    ["in base64", Buffer.from(SECRET).toString("base64")],
    ["in base64url", Buffer.from(SECRET).toString("base64url")],
  ])("takes a secret out %s", (_, form) => {
    const mask = maskOf(SECRET);
    const masked = mask.mask({ list: [`a ${form} b`], [`key ${form}`]: { deep: form } });
    expect(JSON.stringify(masked)).not.toContain(JSON.stringify(form).slice(1, -1));
    expect(masked.list[0]).toMatch(/^a \[redacted\]=* b$/);
    const bytes = mask.maskBytes(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(form), Buffer.from([0x80])]));
    expect(Buffer.from(bytes).includes(Buffer.from(form))).toBe(false);
    expect([bytes[0], bytes[1], bytes.at(-1)]).toEqual([0xff, 0xfe, 0x80]);
  });

  it("gives what holds no secret back as it is", () => {
    const value = { a: [1, { b: "text" }], c: null, d: undefined, e: true };
    expect(maskOf(SECRET).mask(value)).toBe(value);
    expect(new SecretMask().mask(value)).toBe(value);
    const bytes = Buffer.from("text");
    expect(maskOf(SECRET).maskBytes(bytes)).toBe(bytes);
  });

  it("knows every text in lists and objects, and leaves what is too short to tell", () => {
    const mask = maskOf({ headers: { "X-Key": "first-secret" }, list: ["second-secret", 123_456] }, "abc");
    expect(mask.mask("first-secret second-secret 123456 abc")).toBe(`${REDACTED} ${REDACTED} ${REDACTED} abc`);
  });

  it("takes the longer of two out first", () => {
    expect(maskOf("token", "token-and-more").mask("token-and-more token")).toBe(`${REDACTED} ${REDACTED}`);
  });
});
