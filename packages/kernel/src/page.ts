import { createHash } from "node:crypto";
import * as z from "zod";
import { AppError } from "./errors.ts";

export const DEFAULT_PAGE = 20;
export const MAX_PAGE = 100;

/** Query parameters of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
  cursor: z.string().min(1).max(4096).optional(),
};

export interface Page<T> {
  items: T[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/** The response schema of a list of `item`. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** What a cursor is good for: one operation, in one space, with one set of filters. */
export interface CursorScope {
  operation: string;
  spaceId?: string | undefined;
  filters?: Record<string, unknown>;
}

const Envelope = z.strictObject({ v: z.literal(1), s: z.string(), c: z.string() });

function scopeHash(scope: CursorScope): string {
  const filters = Object.entries(scope.filters ?? {}).filter(([, v]) => v !== undefined);
  filters.sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([scope.operation, scope.spaceId ?? null, filters]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** Wraps a storage cursor so that it only serves the scope it was made for. Null stays null. */
export function encodeCursor(scope: CursorScope, storageCursor: string | null): string | null {
  if (storageCursor === null) return null;
  return Buffer.from(JSON.stringify({ v: 1, s: scopeHash(scope), c: storageCursor })).toString("base64url");
}

/** Unwraps a cursor. Throws `invalid_cursor` for rubbish and for a cursor of another operation, space or filter. */
export function decodeCursor(scope: CursorScope, cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  let raw: unknown;
  try {
    raw = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch (cause) {
    throw new AppError("invalid_cursor", "cursor is not valid", { cause });
  }
  const parsed = Envelope.safeParse(raw);
  if (!parsed.success || parsed.data.s !== scopeHash(scope)) {
    throw new AppError("invalid_cursor", "cursor is not valid for this list");
  }
  return parsed.data.c;
}
