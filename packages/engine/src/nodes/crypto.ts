import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  randomInt,
  randomUUID,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";
import * as z from "zod";
import { ENCODINGS, type Encoding, fromText, toEncoded } from "../data/encoding.ts";
import { refuse } from "../items/items.ts";
import { defineNode, type NodeRun } from "../node.ts";
import { toText } from "../values/convert.ts";

const HASHES = ["md5", "sha1", "sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"] as const;
const SIGNATURES = ["sha256", "sha384", "sha512", "ed25519"] as const;
/** A PEM of a 16,384-bit key has 13 kB; larger keys take seconds. */
const MAX_PEM = 16_384;
const MAX_RANDOM_BYTES = 65_536;
const MAX_RANDOM_TEXT = 4_096;
const ALPHABETS = {
  alphanumeric: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
  letters: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
  digits: "0123456789",
  hex: "0123456789abcdef",
} as const;

const input = z.string().min(1).max(128).default("value");
const secret = z.string().min(1).max(128);
const read = z.enum(ENCODINGS).default("text");
const written = z.enum(["hex", "base64", "base64url"]).default("hex");

const config = z.discriminatedUnion("operation", [
  z.strictObject({
    operation: z.literal("hash"),
    input,
    algorithm: z.enum(HASHES).default("sha256"),
    inputAs: read,
    outputAs: written,
  }),
  z.strictObject({
    operation: z.literal("hmac"),
    input,
    /** The input that holds the secret. */
    secret,
    algorithm: z.enum(HASHES).default("sha256"),
    inputAs: read,
    secretAs: read,
    outputAs: written,
  }),
  z.strictObject({
    operation: z.literal("verify_hmac"),
    input,
    secret,
    signature: z.string().min(1).max(128),
    algorithm: z.enum(HASHES).default("sha256"),
    inputAs: read,
    secretAs: read,
    signatureAs: written,
  }),
  z.strictObject({
    operation: z.literal("encode"),
    input,
    inputAs: read,
    outputAs: z.enum(ENCODINGS).default("base64"),
  }),
  z.strictObject({ operation: z.literal("uuid") }),
  z.strictObject({
    operation: z.literal("random_bytes"),
    bytes: z.int().min(1).max(MAX_RANDOM_BYTES).default(32),
    outputAs: written,
  }),
  z.strictObject({
    operation: z.literal("random_text"),
    length: z.int().min(1).max(MAX_RANDOM_TEXT).default(32),
    alphabet: z.enum(["alphanumeric", "letters", "digits", "hex"]).default("alphanumeric"),
  }),
  z.strictObject({
    operation: z.literal("random_integer"),
    min: z.int().default(0),
    /** Included. */
    max: z.int().default(100),
  }),
  z.strictObject({
    operation: z.literal("sign"),
    input,
    /** The input that holds the private key in PEM. */
    privateKey: z.string().min(1).max(128),
    algorithm: z.enum(SIGNATURES).default("sha256"),
    inputAs: read,
    outputAs: written.default("base64"),
  }),
  z.strictObject({
    operation: z.literal("verify"),
    input,
    publicKey: z.string().min(1).max(128),
    signature: z.string().min(1).max(128),
    algorithm: z.enum(SIGNATURES).default("sha256"),
    inputAs: read,
    signatureAs: written.default("base64"),
  }),
]);
type Config = z.output<typeof config>;
type Inputs = Record<string, unknown>;

function hmac(config: Extract<Config, { operation: "hmac" | "verify_hmac" }>, inputs: Inputs): Buffer {
  const key = fromText(toText(inputs[config.secret]), config.secretAs);
  if (key.length === 0) throw refuse("missing_secret", "the secret is empty");
  return createHmac(config.algorithm, key).update(bytesOf(config, inputs)).digest();
}

function bytesOf(config: { input: string; inputAs: Encoding }, inputs: Inputs): Buffer {
  return fromText(toText(inputs[config.input]), config.inputAs);
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function keyOf(pem: string, make: (pem: string) => KeyObject, algorithm: string): KeyObject {
  if (pem.length > MAX_PEM) throw refuse("invalid_key", `a key has at most ${MAX_PEM} characters`);
  let key: KeyObject;
  try {
    key = make(pem);
  } catch {
    // The cause could quote the key.
    throw refuse("invalid_key", "the key cannot be read; it must be PEM");
  }
  if ((key.asymmetricKeyType === "ed25519") !== (algorithm === "ed25519")) {
    throw refuse("invalid_key", `a key of type ${key.asymmetricKeyType} does not sign with ${algorithm}`);
  }
  return key;
}

function integer({ min, max }: { min: number; max: number }): number {
  // randomInt takes ranges up to 2^48.
  if (max < min || max - min >= 2 ** 48 - 1) throw refuse("invalid_value", "the range is empty or too wide");
  return min + randomInt(max - min + 1);
}

function signed(config: Extract<Config, { operation: "sign" | "verify" }>, inputs: Inputs): unknown {
  const digest = config.algorithm === "ed25519" ? null : config.algorithm;
  const data = bytesOf(config, inputs);
  try {
    if (config.operation === "sign") {
      const key = keyOf(toText(inputs[config.privateKey]), createPrivateKey, config.algorithm);
      return toEncoded(sign(digest, data, key), config.outputAs);
    }
    const key = keyOf(toText(inputs[config.publicKey]), createPublicKey, config.algorithm);
    return verify(digest, data, key, fromText(toText(inputs[config.signature]), config.signatureAs));
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "NodeError") throw thrown;
    throw refuse("invalid_key", "the key cannot be used to sign");
  }
}

function compute({ config, inputs }: NodeRun<Config>): unknown {
  switch (config.operation) {
    case "hash":
      return toEncoded(createHash(config.algorithm).update(bytesOf(config, inputs)).digest(), config.outputAs);
    case "hmac":
      return toEncoded(hmac(config, inputs), config.outputAs);
    case "verify_hmac":
      return isSame(hmac(config, inputs), fromText(toText(inputs[config.signature]), config.signatureAs));
    case "encode":
      return toEncoded(bytesOf(config, inputs), config.outputAs);
    case "uuid":
      return randomUUID();
    case "random_bytes":
      return toEncoded(randomBytes(config.bytes), config.outputAs);
    case "random_text": {
      const letters = ALPHABETS[config.alphabet];
      return Array.from({ length: config.length }, () => letters[randomInt(letters.length)]).join("");
    }
    case "random_integer":
      return integer(config);
    case "sign":
    case "verify":
      return signed(config, inputs);
  }
}

/** Another try must not give another value, and private-key work is slow. */
const EFFECTS = new Set(["uuid", "random_bytes", "random_text", "random_integer", "sign"]);
const ANSWERS = new Set(["verify", "verify_hmac"]);

export const crypto = defineNode({
  type: "crypto",
  title: "Crypto",
  description: "Hashes, signs, verifies and encodes values, and makes random ones.",
  category: "data",
  config,
  effectful: ({ operation }) => EFFECTS.has(operation),
  outputs: ({ operation }) => [
    {
      name: "output",
      type: { type: ANSWERS.has(operation) ? "boolean" : operation === "random_integer" ? "integer" : "string" },
    },
  ],
  uses: (config) => [
    ...("input" in config ? [config.input] : []),
    ...("secret" in config ? [config.secret] : []),
    ...("signature" in config ? [config.signature] : []),
    ...("privateKey" in config ? [config.privateKey] : []),
    ...("publicKey" in config ? [config.publicKey] : []),
  ],
  n8n: ["n8n-nodes-base.crypto"],
  run: (run) => ({ output: { output: compute(run) } }),
});
