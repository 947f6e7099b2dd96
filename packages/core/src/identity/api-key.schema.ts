import { idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import { isScope } from "./permissions.ts";

const MAX_SCOPES = 50;
const MAX_SPACES = 50;
/** Ten years. */
const MAX_DAYS = 3650;

export const ApiKey = z
  .object({
    id: idSchema("apiKey"),
    name: z.string(),
    /** The first characters of the key. */
    prefix: z.string(),
    scopes: z.array(z.string()),
    /** Null: every space of its owner. */
    spaceIds: z.array(idSchema("space")).nullable(),
    createdAt: z.string(),
    endsAt: z.string().nullable(),
    revokedAt: z.string().nullable(),
    lastUsedAt: z.string().nullable(),
  })
  .meta({ id: "ApiKey" });
export type ApiKey = z.output<typeof ApiKey>;

export const NewApiKey = ApiKey.extend({
  /** The key itself, shown this once. */
  key: z.string(),
}).meta({ id: "NewApiKey" });
export type NewApiKey = z.output<typeof NewApiKey>;

export const CreateApiKey = z
  .strictObject({
    name: z.string().trim().min(1).max(100),
    /** Permissions, `noun:*` or `*`. They narrow what its owner may do and never add to it. */
    scopes: z.array(z.string().refine(isScope, "not a permission")).min(1).max(MAX_SCOPES).default(["*"]),
    spaceIds: z.array(idSchema("space")).min(1).max(MAX_SPACES).optional(),
    expiresInDays: z.number().int().min(1).max(MAX_DAYS).optional(),
  })
  .meta({ id: "CreateApiKey" });
export type CreateApiKey = z.output<typeof CreateApiKey>;
