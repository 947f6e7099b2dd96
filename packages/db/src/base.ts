import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx } from "@weft/kernel/ctx";
import type { StoredValue } from "@weft/kernel/stored";
import { CustomAttributeType } from "electrodb";
import { SERVICE } from "./table.ts";

/** `model` of an entity: `model: modelOf("workflow")`. */
export function modelOf<const Name extends string>(entity: Name) {
  return { service: SERVICE, entity, version: "1" } as const;
}

/** Attributes of everything that people make and change. {@link created} fills them. */
export const baseAttributes = {
  /** Counts changes from 1; an update names the one it was made from. */
  revision: { type: "number", required: true },
  createdAt: { type: "string", required: true, readOnly: true },
  updatedAt: { type: "string", required: true },
  createdBy: { type: "string", required: true, readOnly: true },
  /** Set while the thing is deleted and can be restored. */
  deletedAt: { type: "string" },
} as const;

/** Attribute of a value that `storage/blob` keeps inline or in S3. */
export const storedAttribute = { type: CustomAttributeType<StoredValue>("any") } as const;

/** Attribute that {@link searchText} of `db/search` fills. */
export const searchAttributes = { searchText: { type: "string" } } as const;

/** Attribute of rows that DynamoDB removes: seconds since the epoch. Removal lags by days, so reads check it too. */
export const ttlAttributes = { expiresAt: { type: "number" } } as const;

export interface CreatedStamp {
  revision: number;
  createdAt: string;
  updatedAt: string;
  createdBy: string;
}

/** The base attributes of a new row. */
export function created(ctx: Ctx): CreatedStamp {
  const now = isoTime(ctx.clock.now());
  return { revision: 1, createdAt: now, updatedAt: now, createdBy: actorId(ctx) };
}

/** Whether a row with a time to live is over, though DynamoDB has not removed it yet. */
export function isExpired(row: { expiresAt?: number | undefined }, nowMs: number): boolean {
  return row.expiresAt !== undefined && row.expiresAt * 1000 <= nowMs;
}

/** The TTL value of a row that ends `ms` milliseconds from now; never earlier than that. */
export function expiresIn(ms: number, nowMs: number): number {
  return Math.ceil((nowMs + ms) / 1000);
}
