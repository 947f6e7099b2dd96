import * as z from "zod";
import { oauthFields, withAccessToken } from "./oauth2.ts";
import { defineCredentialType, httpsUrl, secret, text } from "./type.ts";

const fields = z.strictObject({
  ...oauthFields,
  authorizationUrl: httpsUrl("Where people are sent to agree"),
  /** Checked against what comes back, where the server says who it is (RFC 9207). */
  issuer: text("The server's name for itself").optional(),
  /** A client without a secret proves itself by PKCE alone. */
  clientSecret: secret("The client's secret").optional(),
  /** Beside the standard ones: `access_type`, `prompt`. */
  parameters: z.record(z.string().min(1).max(100), z.string().max(500)).default({}),
});

export const oauth2AuthorizationCode = defineCredentialType({
  type: "oauth2_authorization_code",
  title: "OAuth 2, with a person's consent",
  description: "The authorization code grant with PKCE. Tokens are refreshed before they run out.",
  fields,
  secrets: ["clientSecret"],
  grant: "authorization_code",
  apply: withAccessToken,
});
