import crypto from "node:crypto";

/** OWASP Password Storage Cheat Sheet, argon2id: 19 MiB of memory, 2 passes, 1 lane. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Bounds on a password: NIST SP 800-63B's least, and a length that keeps hashing cheap to refuse. */
export const MIN_PASSWORD = 8;
export const MAX_PASSWORD = 128;

/** The hash of nobody's password: what an unknown account is checked against, at the cost of a known one. */
const NOBODY = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${"A".repeat(22)}$${"A".repeat(43)}`;
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

interface Cost {
  memory: number;
  passes: number;
  parallelism: number;
}

function argon2id(password: string, nonce: Buffer, tagLength: number, cost: Cost): Promise<Buffer> {
  const parameters = { message: Buffer.from(password.normalize("NFKC")), nonce, tagLength, ...cost };
  return new Promise((resolve, reject) => {
    crypto.argon2("argon2id", parameters, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}

const base64 = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

/** Hashes a password into the PHC string form, which carries its parameters. */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.randomBytes(SALT_BYTES);
  const cost = { memory: MEMORY_KIB, passes: PASSES, parallelism: LANES };
  const hash = await argon2id(password, salt, HASH_BYTES, cost);
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(salt)}$${base64(hash)}`;
}

/** Checks a password. Without a stored hash it does the same work and answers false. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, memory, passes, lanes, salt = "", hash = ""] = PHC.exec(stored ?? NOBODY) ?? [];
  const expected = Buffer.from(hash, "base64");
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(lanes) };
  const actual = await argon2id(password, Buffer.from(salt, "base64"), expected.byteLength, cost);
  return crypto.timingSafeEqual(actual, expected) && stored !== undefined;
}
