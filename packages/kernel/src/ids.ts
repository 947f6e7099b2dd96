import { createHash } from "node:crypto";
import { decodeTime, encodeTime, monotonicFactory } from "ulid";
import * as z from "zod";

/** Every kind of object with an id of its own and the prefix of that id. One line per kind; prefixes are unique. */
export const ID_PREFIX = {
  user: "usr",
  session: "ses",
  apiKey: "key",
  space: "spc",
  invitation: "inv",
  role: "rol",
  mailToken: "mtk",
  loginLog: "llg",
  operationLog: "olg",
  jobResult: "jbr",
  workflow: "wfl",
  workflowVersion: "wfv",
  commit: "cmt",
  snapshot: "wfs",
  copyTask: "cpt",
  template: "tpl",
  execution: "exe",
  executionEvent: "evt",
  approval: "apv",
  approvalLink: "apl",
  firing: "fir",
  event: "evn",
  eventTrigger: "etr",
  subscription: "sub",
  delivery: "dlv",
  webhook: "whk",
  webhookDelivery: "wdl",
  schedule: "sch",
  codeExecution: "cex",
  codeOutput: "cot",
  file: "fil",
  credential: "crd",
  oauthState: "oas",
  model: "mdl",
  modelMeta: "mmt",
  modelEntity: "mde",
  modelRequest: "mrq",
  variable: "var",
  variableMeta: "vmt",
  variableChange: "vch",
  request: "req",
} as const;

export type IdKind = keyof typeof ID_PREFIX;
export type Id<K extends IdKind> = `${(typeof ID_PREFIX)[K]}_${string}`;

/** Random bytes are drawn many at once: a draw costs far more than the byte. */
const pool = new Uint8Array(1_024);
let used = pool.length;

function randomFraction(): number {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const byte = pool[used] as number;
  used += 1;
  return byte / 256;
}

const next = monotonicFactory(randomFraction);
const ULID_TAIL = "[0-9a-hjkmnp-tv-z]{26}";

/**
 * A new id: prefix, underscore, lower-case ULID. Ids sort by creation time, and are lower-case because ElectroDB
 * lower-cases keys: ids that differ only in case would be one row.
 */
export function newId<K extends IdKind>(kind: K, now: number = Date.now()): Id<K> {
  return `${ID_PREFIX[kind]}_${next(now).toLowerCase()}` as Id<K>;
}

/**
 * The id of an object that is one of its kind for `key`, and belongs to a moment: the same whenever it is asked for, so
 * that what is repeated makes it once. It sorts by `atMs`, milliseconds since the epoch.
 */
export function idAt<K extends IdKind>(kind: K, atMs: number, key: string): Id<K> {
  const time = encodeTime(atMs, TIME_LETTERS).toLowerCase();
  return `${ID_PREFIX[kind]}_${time}${lettersOf(key)}` as Id<K>;
}

/** The moment that an id was made at, or made for: milliseconds since the epoch. */
export function timeOf(id: string): number {
  return decodeTime(id.slice(id.indexOf("_") + 1).toUpperCase());
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_LETTERS = 10;
const RANDOM_LETTERS = 16;

/**
 * The id that an object of `parent`'s kind has when it is made for `key` below `parent`: the same whenever it is asked
 * for, so that what is repeated makes it once. It sorts with its parent.
 */
export function derivedId<K extends IdKind>(parent: Id<K> | string, key: string): Id<K> {
  const start = parent.indexOf("_") + 1 + TIME_LETTERS;
  return (parent.slice(0, start) + lettersOf(`${parent}\n${key}`)) as Id<K>;
}

function lettersOf(text: string): string {
  const hash = createHash("sha256").update(text).digest();
  return Array.from(hash.subarray(0, RANDOM_LETTERS), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

const PATTERNS = Object.fromEntries(
  Object.entries(ID_PREFIX).map(([kind, prefix]) => [kind, new RegExp(`^${prefix}_${ULID_TAIL}$`)]),
) as Record<IdKind, RegExp>;

/** Whether `value` has the form of an id of this kind. Says nothing of whether the object exists. */
export function isId<K extends IdKind>(kind: K, value: unknown): value is Id<K> {
  return typeof value === "string" && PATTERNS[kind].test(value);
}

/** A zod schema of an id of this kind, for route parameters and bodies. */
export function idSchema<K extends IdKind>(kind: K): z.ZodType<Id<K>, Id<K>> {
  return z
    .string()
    .regex(PATTERNS[kind], `expected an id such as ${ID_PREFIX[kind]}_…`)
    .meta({ example: `${ID_PREFIX[kind]}_01jd0000000000000000000000` }) as unknown as z.ZodType<Id<K>, Id<K>>;
}
