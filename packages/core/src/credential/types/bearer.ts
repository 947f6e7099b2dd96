import * as z from "zod";
import { defineCredentialType, secretLine, withHeaders } from "./type.ts";

const fields = z.strictObject({ token: secretLine("The token") });

export const bearer = defineCredentialType({
  type: "bearer",
  title: "Bearer token",
  description: "A token in the Authorization header.",
  fields,
  secrets: ["token"],
  apply: (request, { token }) => ({ request: withHeaders(request, { Authorization: `Bearer ${token}` }) }),
});
