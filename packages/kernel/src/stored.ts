/**
 * A large JSON value as a row holds it: the JSON text itself while it is small, a pointer to an object otherwise. Text
 * and not a map, because DynamoDB nests at most 32 levels, rounds numbers and takes longer to marshal.
 */
export type StoredValue = { json: string } | { ref: string; size: number; sha256: string };
