import * as z from "zod";

const MAX_TAGS = 20;
export const MAX_TAG = 50;
const MAX_METADATA_KEYS = 50;
const MAX_METADATA_VALUE = 1_000;

/** Words by which people sort what they made. */
export const Tags = z.array(z.string().trim().min(1).max(MAX_TAG)).max(MAX_TAGS);

/** Texts that a caller keeps with a thing; nothing of the product reads them. */
export const Metadata = z
  .record(z.string().min(1).max(MAX_TAG), z.string().max(MAX_METADATA_VALUE))
  .refine((value) => Object.keys(value).length <= MAX_METADATA_KEYS, `at most ${MAX_METADATA_KEYS} entries`);
