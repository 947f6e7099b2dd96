import { isKeyGood, isSessionGood } from "@weft/core/identity/authorize.service";
import { hashPassword, verifyPassword } from "@weft/core/identity/password";
import { newSecret, readToken, sameHash, type TokenKind } from "@weft/core/identity/secret";
import { newId } from "@weft/kernel/ids";
import { redactText } from "@weft/kernel/redact";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("passwords", () => {
  it("are checked against a salted argon2id hash that carries its parameters", async () => {
    const [one, two] = await Promise.all([hashPassword("pässword"), hashPassword("pässword")]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(two);
    expect(await verifyPassword("pässword", one)).toBe(true);
    expect(await verifyPassword("pässword".normalize("NFD"), one)).toBe(true);
    expect(await verifyPassword("password", one)).toBe(false);
  });

  it("of nobody are never right", async () => {
    expect(await verifyPassword("", undefined)).toBe(false);
    expect(await verifyPassword("anything", undefined)).toBe(false);
  });
});

describe("tokens", () => {
  const kinds: TokenKind[] = ["session", "apiKey", "mailToken"];

  it.each(kinds)("of a %s carry their id and prove their secret", (kind) => {
    const id = newId(kind);
    const { token, hash } = newSecret(kind, id);
    const found = readToken(kind, token);
    expect(found?.ids).toEqual([id]);
    expect(sameHash(found?.hash ?? "", hash)).toBe(true);
    expect(token).not.toContain(hash);
    expect(redactText(`Authorization failed for ${token}.`)).not.toContain(token.slice(-20));
    for (const other of kinds.filter((candidate) => candidate !== kind)) expect(readToken(other, token)).toBeNull();
  });

  it("of an invitation carry the space too", () => {
    const [id, spaceId] = [newId("invitation"), newId("space")];
    expect(readToken("invitation", newSecret("invitation", id, [spaceId]).token)?.ids).toEqual([id, spaceId]);
  });

  it("that were altered anywhere prove nothing", () => {
    const { token, hash } = newSecret("session", newId("session"));
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: token.length - 1 }),
        fc.string({ minLength: 1, maxLength: 2 }),
        (at, by) => {
          fc.pre(token.slice(at, at + by.length) !== by);
          const found = readToken("session", token.slice(0, at) + by + token.slice(at + by.length));
          const isSame = found !== null && found.ids[0]?.slice(4) === token.slice(3, 29) && sameHash(found.hash, hash);
          expect(isSame).toBe(false);
        },
      ),
    );
  });

  it("are read from any text without failing", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        expect(readToken("apiKey", `sk_${text}`)).toBeNull();
      }),
    );
  });
});

describe("sessions and keys", () => {
  const now = Date.UTC(2026, 0, 1);
  const at = (ms: number) => new Date(now + ms).toISOString();
  const session = { epoch: 2, lastSeenAt: at(0), expiresAt: now / 1000 + 3600 };

  it("of an epoch that is over are over; one newer than what is known of its user is not", () => {
    expect(isSessionGood(session, { sessionEpoch: 3 }, now)).toBe(false);
    expect(isSessionGood(session, { sessionEpoch: 2 }, now)).toBe(true);
    expect(isSessionGood(session, { sessionEpoch: 1 }, now)).toBe(true);
  });

  it("idle out never early and at most a minute late, and end whatever their use", () => {
    const user = { sessionEpoch: 2 };
    expect(isSessionGood(session, user, now + 15 * 60_000)).toBe(true);
    expect(isSessionGood(session, user, now + 16 * 60_000)).toBe(false);
    expect(isSessionGood({ ...session, lastSeenAt: at(3_600_000) }, user, now + 3_600_000)).toBe(false);
  });

  it("of programs end when revoked or over", () => {
    expect(isKeyGood({}, now)).toBe(true);
    expect(isKeyGood({ revokedAt: at(0) }, now)).toBe(false);
    expect(isKeyGood({ endsAt: at(1) }, now)).toBe(true);
    expect(isKeyGood({ endsAt: at(0) }, now)).toBe(false);
  });
});
