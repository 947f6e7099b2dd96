import * as z from "zod";
import { oauthFields, withAccessToken } from "./oauth2.ts";
import { defineCredentialType, secret } from "./type.ts";

const fields = z.strictObject({ ...oauthFields, clientSecret: secret("The client's secret") });

export const oauth2ClientCredentials = defineCredentialType({
  type: "oauth2_client_credentials",
  title: "OAuth 2, for a program",
  description: "The client credentials grant. Tokens are fetched when they are needed.",
  fields,
  secrets: ["clientSecret"],
  grant: "client_credentials",
  apply: withAccessToken,
});
