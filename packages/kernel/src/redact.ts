/** What stands in for a secret in logs, audit rows and errors. */
export const REDACTED = "[redacted]";

/** Names whose values are secrets, compared without case, `_` and `-`. */
const SECRET_NAME =
  /(password|passwd|passphrase|secret|token|apikey|accesskey|privatekey|authorization|cookie|credential|signature)$/;
/** Secrets recognised wherever they stand: our keys and session tokens, bearer values, passwords in URLs, AWS and provider keys. */
const SECRET_TEXT =
  /\b(?:sk|ss|wt)_[A-Za-z0-9_-]{16,}|\bsk-[A-Za-z0-9_-]{16,}|\bAKIA[0-9A-Z]{16}\b|(?<=\bBearer\s)[^\s"',;]+|(?<=:\/\/[^\s/:@]{0,64}:)[^\s/@]+(?=@)/g;
/** Levels below this are dropped: what is logged is bounded whatever it is. */
const MAX_DEPTH = 12;

/** Whether a field of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replace(/[_\-.\s]/g, "").toLowerCase());
}

/** `text` without what looks like a secret. */
export function redactText(text: string): string {
  return text.replace(SECRET_TEXT, REDACTED);
}

/** A copy of `value` without secrets, by field name and by pattern. Never throws. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return "[deep]";
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [
    key,
    isSecretName(key) && item !== null && item !== undefined ? REDACTED : redact(item, depth + 1),
  ]);
  return Object.fromEntries(entries);
}
