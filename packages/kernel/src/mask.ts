import { REDACTED } from "./redact.ts";

/** Shorter values occur in any text by chance: taking them out would tear it to pieces. */
const MIN_LENGTH = 4;

/**
 * Takes known secret values out of data, in the forms in which an answer is likely to echo them: as they are, escaped for
 * JSON or a URL, and in base64.
 */
export class SecretMask {
  readonly #forms = new Set<string>();
  /** Longest first: a value inside another one would leave the rest of it. */
  #ordered: string[] = [];

  /** Makes a value known as a secret. Lists and objects stand for every text and number in them. */
  add(value: unknown): void {
    for (const text of textsOf(value)) for (const form of formsOf(text)) this.#forms.add(form);
    this.#ordered = [...this.#forms].sort((a, b) => b.length - a.length);
  }

  /** A copy without the secrets, or the value itself where it holds none. */
  mask<T>(value: T): T {
    return (this.#ordered.length === 0 ? value : this.#value(value)) as T;
  }

  /** Parts a masked text that goes on: what can be shown of it, and its end that may be the beginning of a secret. */
  part(text: string): { shown: string; held: string } {
    let held = 0;
    for (const form of this.#ordered) {
      for (let size = Math.min(form.length - 1, text.length); size > held; size -= 1) {
        if (form.startsWith(text.slice(text.length - size))) held = size;
      }
    }
    return { shown: text.slice(0, text.length - held), held: text.slice(text.length - held) };
  }

  /** The same for bytes, whatever they are. */
  maskBytes(bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    const masked = this.#text(text, (form) => Buffer.from(form).toString("latin1"));
    return masked === text ? bytes : Buffer.from(masked, "latin1");
  }

  #value(value: unknown): unknown {
    if (typeof value === "string") return this.#text(value);
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Uint8Array) return this.maskBytes(value);
    if (Array.isArray(value)) {
      const list = value.map((entry) => this.#value(entry));
      return list.some((entry, index) => entry !== value[index]) ? list : value;
    }
    let changed = false;
    const entries = Object.entries(value).map(([key, entry]): [string, unknown] => {
      const pair: [string, unknown] = [this.#text(key), this.#value(entry)];
      if (pair[0] !== key || pair[1] !== entry) changed = true;
      return pair;
    });
    return changed ? Object.fromEntries(entries) : value;
  }

  #text(text: string, of: (form: string) => string = (form) => form): string {
    let masked = text;
    for (const form of this.#ordered) masked = masked.replaceAll(of(form), REDACTED);
    return masked;
  }
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number" || typeof value === "bigint") return [String(value)];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

function formsOf(text: string): string[] {
  if (text.length < MIN_LENGTH) return [];
  const base64 = Buffer.from(text).toString("base64").replace(/=+$/, "");
  const inUrl = encodeURIComponent(text.toWellFormed());
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    inUrl,
    inUrl.replaceAll("%20", "+"),
    base64,
    base64.replaceAll("+", "-").replaceAll("/", "_"),
  ];
}
