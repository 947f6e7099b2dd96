/** What stands where a secret stood. */
export const REDACTED = "[redacted]";

export interface RedactLimits {
  /** Deeper values are cut to `"…"`. */
  depth: number;
  /** Longer strings are cut. */
  text: number;
  /** Entries kept of a list or an object. */
  entries: number;
}

const LIMITS: RedactLimits = { depth: 6, text: 256, entries: 50 };

const SECRET_KEY =
  /pass(word|wd|phrase|code)?$|^pwd$|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|authori[sz]ation|cookie|credential|signature|session[-_ ]?key|^otp$|^pin$/i;

/** Harmless names that {@link SECRET_KEY} would take: counters of model tokens and the cursor of a list. */
const PUBLIC_KEY =
  /^(max|min|total|prompt|completion|input|output|used|cached)[-_]?tokens?$|^tokens?[-_]?(count|limit)$/i;

const SECRET_TEXT = [
  /\bsk[-_][A-Za-z0-9_-]{12,}/g,
  /\b(?:ss|mt|iv|os|al)_[0-9a-z]{26}_[A-Za-z0-9_-]{12,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/g,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}/gi,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g,
  /([?&](?:X-Amz-Signature|X-Amz-Security-Token|token|key|sig|signature|password)=)[^&\s"']+/gi,
  /(\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]{0,100}:)[^\s@/]{1,200}(?=@)/gi,
];

/** A text without what looks like a secret: provider keys, tokens, signed links, passwords in links. */
export function redactText(text: string): string {
  let result = text;
  for (const pattern of SECRET_TEXT) {
    result = result.replace(pattern, (_match, kept: unknown) => (typeof kept === "string" ? kept : "") + REDACTED);
  }
  return result;
}

/**
 * A copy of a value fit for logs and audit rows: secrets are replaced by the name of their key and by what they look
 * like, long and deep values are cut. Never throws and never calls the value's own methods.
 */
export function redact(value: unknown, limits: Partial<RedactLimits> = {}): unknown {
  return redactValue(value, { ...LIMITS, ...limits }, 0);
}

/** Whether a field of this name is taken for a secret. */
export function isSecretKey(name: string): boolean {
  return SECRET_KEY.test(name) && !PUBLIC_KEY.test(name);
}

function redactValue(value: unknown, limits: RedactLimits, depth: number): unknown {
  if (typeof value === "string") return redactString(value, limits.text);
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value !== "object") return undefined;
  if (depth >= limits.depth) return "…";
  if (Array.isArray(value)) return redactList(value, limits, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const entries = Object.entries(Object.getOwnPropertyDescriptors(value)).filter(([, own]) => own.enumerable);
  const kept = entries.slice(0, limits.entries).map(([key, own]): [string, unknown] => {
    const present = own.value !== undefined && own.value !== null;
    return [redactText(key), present && isSecretKey(key) ? REDACTED : redactValue(own.value, limits, depth + 1)];
  });
  if (entries.length > kept.length) kept.push(["…", entries.length - kept.length]);
  return Object.fromEntries(kept);
}

function redactList(list: unknown[], limits: RedactLimits, depth: number): unknown[] {
  const kept = list.slice(0, limits.entries).map((entry) => redactValue(entry, limits, depth + 1));
  if (list.length > kept.length) kept.push(`… ${list.length - kept.length} more`);
  return kept;
}

/** Redacted before it is cut, so that a secret across the cut does not lose the part it is known by. */
function redactString(text: string, max: number): string {
  // A bound on the work: what lies far behind the cut is never shown.
  const redacted = redactText(text.slice(0, max * 8));
  const cut = redacted.length > max || text.length > max * 8;
  return cut ? `${redacted.slice(0, max)}…` : redacted;
}
