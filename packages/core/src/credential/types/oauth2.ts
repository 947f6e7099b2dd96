import type { HttpRequest } from "@weft/engine/node";
import * as z from "zod";
import { type Applied, type ApplyTools, httpsUrl, scopes, text, withHeaders } from "./type.ts";

/** Fields of both OAuth 2 types. */
export const oauthFields = {
  tokenUrl: httpsUrl("Where tokens come from"),
  clientId: text("The client's id"),
  scopes,
  audience: text("Whom the tokens are for").optional(),
  /** How the client proves itself at the token URL. */
  clientAuthentication: z.enum(["header", "body"]).default("header"),
};

/** What the token endpoint is asked with, whatever the grant. */
export interface OAuthData {
  tokenUrl: string;
  clientId: string;
  clientSecret?: string | undefined;
  scopes: string[];
  audience?: string | undefined;
  clientAuthentication: "header" | "body";
}

export async function withAccessToken(request: HttpRequest, _data: unknown, tools: ApplyTools): Promise<Applied> {
  const token = await tools.accessToken();
  return { request: withHeaders(request, { Authorization: `Bearer ${token}` }), secrets: [token] };
}
