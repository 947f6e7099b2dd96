import { isZone } from "@weft/kernel/zone";
import type { DateTime } from "luxon";
import * as z from "zod";
import { refuse } from "../items/items.ts";

/** A zone of the IANA database. */
export const zoneName = z
  .string()
  .max(64)
  .refine((name) => name === "UTC" || isZone(name), "it is no zone of the IANA database, such as Europe/Berlin");

/** Longest text that is read as a time. */
const MAX_TEXT = 200;
const QUOTED = /'[^']*'/g;
const TOKEN_RUNS = /([A-Za-z])\1*/g;

/**
 * Whether a format may be used to read times: no letter stands in two places. Formats become regular expressions, and
 * repeated tokens of open length would make them slow.
 */
export function isReadable(format: string): boolean {
  const letters = [...format.replace(QUOTED, "").matchAll(TOKEN_RUNS)].map(([, letter]) => letter);
  return new Set(letters).size === letters.length;
}

export type Luxon = typeof import("luxon");

/** What is taken as a time: text in ISO 8601, RFC 2822 or HTTP form or the given one, or milliseconds since 1970. */
export function readTime(luxon: Luxon, value: unknown, zone: string, format?: string): DateTime {
  const time = parsed(luxon, value, zone, format);
  if (!time?.isValid) throw refuse("invalid_date", "the value is not a time");
  return time;
}

function parsed({ DateTime }: Luxon, value: unknown, zone: string, format?: string): DateTime | undefined {
  if (typeof value === "number") return DateTime.fromMillis(value, { zone });
  if (typeof value !== "string" || value.length > MAX_TEXT) return undefined;
  const text = value.trim();
  if (format !== undefined) return DateTime.fromFormat(text, format, { zone, locale: "en-US" });
  if (/^-?\d{11,16}$/.test(text)) return DateTime.fromMillis(Number(text), { zone });
  const tries = [DateTime.fromISO, DateTime.fromSQL, DateTime.fromRFC2822, DateTime.fromHTTP];
  for (const attempt of tries) {
    const time = attempt(text, { zone });
    if (time.isValid) return time.setZone(zone);
  }
  return undefined;
}
