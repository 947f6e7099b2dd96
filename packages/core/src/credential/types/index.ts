import { notFound } from "@weft/kernel/errors";
import { apiKey } from "./api_key.ts";
import { aws } from "./aws.ts";
import { basic } from "./basic.ts";
import { bearer } from "./bearer.ts";
import { custom } from "./custom.ts";
import { database } from "./database.ts";
import { oauth2AuthorizationCode } from "./oauth2_authorization_code.ts";
import { oauth2ClientCredentials } from "./oauth2_client_credentials.ts";
import { smtp } from "./smtp.ts";
import type { CredentialType } from "./type.ts";

/** Every type of credential. A new one is a file in this folder and a line here. */
const ALL: readonly CredentialType[] = [
  apiKey,
  aws,
  basic,
  bearer,
  custom,
  database,
  oauth2AuthorizationCode,
  oauth2ClientCredentials,
  smtp,
];

export const credentialTypes: ReadonlyMap<string, CredentialType> = new Map(ALL.map((type) => [type.type, type]));

/** Throws `not_found` for a type that there is not. */
export function credentialType(type: string): CredentialType {
  const found = credentialTypes.get(type);
  if (!found) throw notFound("credential type", type);
  return found;
}
