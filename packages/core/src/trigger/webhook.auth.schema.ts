import * as z from "zod";

const MAX_SECRET = 4_096;
const MAX_NAME = 255;
const MAX_URL = 2_000;
const MAX_KEY = 10_000;
const MAX_TEMPLATE = 500;
const MAX_PREFIX = 32;
const MAX_ALGORITHMS = 12;
/** How far a signed time may lie from ours, either way: what Stripe and Slack advise. */
export const TOLERANCE_SECONDS = 300;
const DEFAULT_LEEWAY_SECONDS = 60;

export const HeaderName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, "it is no name of a header")
  .meta({ example: "X-Signature" });

const Secret = z.string().min(1).max(MAX_SECRET).optional().meta({
  writeOnly: true,
  description:
    "Left out, one is made and given back this once; a change that leaves it out keeps the one that is there",
});

export const HMAC_ALGORITHM = ["sha1", "sha256", "sha384", "sha512"] as const;
export const SECRET_ALGORITHMS = ["HS256", "HS384", "HS512"] as const;
export const KEY_ALGORITHMS = [
  ...(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const),
  ...(["ES256", "ES384", "ES512"] as const),
] as const;
export type JwtAlgorithm = (typeof SECRET_ALGORITHMS)[number] | (typeof KEY_ALGORITHMS)[number];

/** Fields of each way in which a caller proves itself, beside the secret. */
const none = { type: z.literal("none") };
const basic = {
  type: z.literal("basic"),
  username: z
    .string()
    .min(1)
    .max(MAX_NAME)
    .regex(/^[^:]*$/, "has no colon"),
};
const bearer = { type: z.literal("bearer") };
const header = { type: z.literal("header"), name: HeaderName };
const apiKey = {
  type: z.literal("api_key"),
  in: z.enum(["header", "query"]).default("header"),
  name: HeaderName.default("X-API-Key"),
};
const jwt = {
  type: z.literal("jwt"),
  algorithms: z
    .array(z.enum([...SECRET_ALGORITHMS, ...KEY_ALGORITHMS]))
    .min(1)
    .max(MAX_ALGORITHMS)
    .meta({
      description: "All of one kind: those with a shared secret, or those with a public key",
    }),
  publicKey: z.string().min(1).max(MAX_KEY).optional().meta({ description: "In PEM (SPKI)" }),
  jwksUrl: z
    .url({ protocol: /^https?$/ })
    .max(MAX_URL)
    .optional(),
  issuer: z.string().min(1).max(MAX_URL).optional(),
  audience: z.string().min(1).max(MAX_URL).optional(),
  leewaySeconds: z.int().min(0).max(TOLERANCE_SECONDS).default(DEFAULT_LEEWAY_SECONDS),
  requiresExpiry: z.boolean().default(true),
  header: HeaderName.default("Authorization"),
};
const twilio = {
  type: z.literal("twilio"),
  url: z
    .url({ protocol: /^https?$/ })
    .max(MAX_URL)
    .optional()
    .meta({
      description: "The address as Twilio has it, where that is not the one that the request came to",
    }),
};
const hmac = {
  type: z.literal("hmac"),
  header: HeaderName,
  algorithm: z.enum(HMAC_ALGORITHM).default("sha256"),
  encoding: z.enum(["hex", "base64", "base64url"]).default("hex"),
  prefix: z.string().max(MAX_PREFIX).default(""),
  template: z.string().max(MAX_TEMPLATE).default("{body}").meta({
    description: "The text that is signed: {body}, {timestamp}, {id}, {method} and {path} are put in",
  }),
  timestampHeader: HeaderName.optional().meta({
    description: "In seconds or milliseconds since the epoch, or ISO 8601",
  }),
  idHeader: HeaderName.optional().meta({ description: "The delivery's id" }),
  toleranceSeconds: z.int().min(1).max(TOLERANCE_SECONDS).default(TOLERANCE_SECONDS),
  secretEncoding: z.enum(["text", "base64", "hex"]).default("text"),
};
const preset = <const T extends string>(type: T) => ({ type: z.literal(type) });

/** Providers whose signatures are known. */
export const PRESETS = ["github", "stripe", "slack", "shopify", "twilio"] as const;

const shown = [
  z.strictObject(none),
  z.strictObject(basic),
  z.strictObject(bearer),
  z.strictObject(header),
  z.strictObject(apiKey),
  z.strictObject(jwt),
  z.strictObject(preset("github")),
  z.strictObject(preset("stripe")),
  z.strictObject(preset("slack")),
  z.strictObject(preset("shopify")),
  z.strictObject(twilio),
  z.strictObject(hmac),
] as const;

const secret = { secret: Secret };

/** How callers prove themselves, as it is set. */
export const WebhookAuthInput = z
  .discriminatedUnion("type", [
    shown[0],
    shown[1].extend(secret),
    shown[2].extend(secret),
    shown[3].extend(secret),
    shown[4].extend(secret),
    shown[5].extend(secret),
    shown[6].extend(secret),
    shown[7].extend(secret),
    shown[8].extend(secret),
    shown[9].extend(secret),
    shown[10].extend(secret),
    shown[11].extend(secret),
  ])
  .superRefine((auth, check) => {
    const issue = (path: string, message: string) => check.addIssue({ code: "custom", path: [path], message });
    if (auth.type === "jwt") {
      const shared = auth.algorithms.filter((name) => (SECRET_ALGORITHMS as readonly string[]).includes(name)).length;
      const given = [auth.publicKey, auth.jwksUrl].filter((value) => value !== undefined).length;
      // A public key that is taken for a shared secret would let everybody sign.
      if (shared > 0 && shared < auth.algorithms.length) issue("algorithms", "are all of one kind");
      else if (shared > 0 && given > 0) issue("algorithms", "a shared secret has neither publicKey nor jwksUrl");
      else if (shared === 0 && given !== 1) issue("publicKey", "give one of publicKey and jwksUrl");
      else if (shared === 0 && auth.secret !== undefined) issue("secret", "a public key has no secret");
    }
    if (auth.type !== "hmac") return;
    const { template, timestampHeader, idHeader } = auth;
    if (!template.includes("{body}")) issue("template", "signs the {body}");
    if (timestampHeader !== undefined && !template.includes("{timestamp}")) issue("template", "signs the {timestamp}");
    if (timestampHeader === undefined && template.includes("{timestamp}")) issue("timestampHeader", "is required");
    if (idHeader === undefined && template.includes("{id}")) issue("idHeader", "is required");
  })
  .meta({ id: "WebhookAuthInput" });
export type WebhookAuthInput = z.output<typeof WebhookAuthInput>;

/** The same without its secret. */
export const WebhookAuth = z.discriminatedUnion("type", shown).meta({ id: "WebhookAuth" });
export type WebhookAuth = z.output<typeof WebhookAuth>;

/** Whether callers share a secret with us. */
export function hasSecret(auth: WebhookAuth): boolean {
  if (auth.type === "jwt") return auth.algorithms[0]?.startsWith("HS") ?? false;
  return auth.type !== "none";
}
