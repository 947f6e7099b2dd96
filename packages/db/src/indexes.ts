/** Key and index names of the one table. Generic on purpose: each index has one meaning for all entities. */
export const TABLE_KEY = { pk: "pk", sk: "sk" } as const;

/**
 * gsi1: children of a parent by status or time. gsi2: by person, or what is public in a second order. gsi3: look-up by a
 * unique hash (token, key, e-mail). gsi4: system-wide and sparse, sharded (what is due for the sweeper).
 */
export const INDEXES = {
  gsi1: { pk: "gsi1pk", sk: "gsi1sk" },
  gsi2: { pk: "gsi2pk", sk: "gsi2sk" },
  gsi3: { pk: "gsi3pk", sk: "gsi3sk" },
  gsi4: { pk: "gsi4pk", sk: "gsi4sk" },
} as const;

export type IndexName = keyof typeof INDEXES;

/** Seconds since the epoch. DynamoDB deletes late (within days), so every read also filters on it. */
export const TTL_ATTRIBUTE = "expiresAt";
