import { type FieldIssue, invalidField, invalidInput } from "@weft/kernel/errors";
import * as z from "zod";
import type { SecretField } from "./credential.schema.ts";
import type { CredentialType } from "./types/type.ts";

/** Shorter secrets are not hinted at: four characters would be too much of them. */
const MIN_HINTED = 12;
const HINT_LENGTH = 4;
const MASK = "••••";

/** What a version is made of: what anyone may see of it, and what is sealed. */
export interface SplitData {
  data: Record<string, unknown>;
  sealed: Record<string, unknown>;
  secrets: SecretField[];
  allowedHosts: string[];
}

/** Checks the fields of a credential and parts the secret ones from the rest. Throws `invalid_input` naming the field. */
export function splitData(
  type: CredentialType,
  given: Record<string, unknown>,
  allowedHosts: string[] | undefined,
): SplitData {
  const parsed = type.fields.safeParse(given);
  if (!parsed.success) throw invalidInput(parsed.error.issues.flatMap(issueOf));
  const issues = type.check?.(parsed.data) ?? [];
  if (issues.length > 0) throw invalidInput(issues.map((issue) => ({ ...issue, path: `data.${issue.path}` })));
  const hosts = allowedHosts ?? type.hosts?.(parsed.data);
  if (hosts === undefined) throw invalidField("allowedHosts", "name the hosts that the credential may be sent to");
  const entries = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
  const isSecret = ([name]: [string, unknown]) => type.secrets.includes(name);
  return {
    data: Object.fromEntries(entries.filter((entry) => !isSecret(entry))),
    sealed: Object.fromEntries(entries.filter(isSecret)),
    secrets: entries.filter(isSecret).map(([field, value]) => ({ field, hint: hintOf(value) })),
    allowedHosts: [...new Set(hosts)],
  };
}

function issueOf(issue: z.core.$ZodIssue): FieldIssue[] {
  const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
  return keys.map((key) => {
    const path = ["data", ...issue.path, ...(key === undefined ? [] : [key])].map(String).join(".");
    return { path, message: issue.message };
  });
}

/** What is shown of a secret: its last characters where it is long, the names in it where it holds several. */
export function hintOf(value: unknown): string {
  if (typeof value !== "string") return Object.keys(value as object).join(", ");
  return value.length < MIN_HINTED ? MASK : MASK + value.slice(-HINT_LENGTH);
}

const schemas = new WeakMap<CredentialType, Record<string, unknown>>();

/** JSON Schema of a type's fields, as they are sent. */
export function dataSchema(type: CredentialType): Record<string, unknown> {
  const schema = schemas.get(type) ?? z.toJSONSchema(type.fields, { io: "input" });
  schemas.set(type, schema);
  return schema;
}
