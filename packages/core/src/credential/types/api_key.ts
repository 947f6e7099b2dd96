import * as z from "zod";
import { defineCredentialType, headerName, secretLine, withHeaders, withQuery } from "./type.ts";

const fields = z.strictObject({
  in: z.enum(["header", "query"]).default("header"),
  /** Of the header or the query parameter. */
  name: headerName.default("X-API-Key"),
  /** Stands before the key in a header: `Token `. */
  prefix: z
    .string()
    .max(50)
    .regex(/^[\x20-\x7e]*$/)
    .default(""),
  key: secretLine("The key"),
});

export const apiKey = defineCredentialType({
  type: "api_key",
  title: "API key",
  description: "A key in a header or a query parameter.",
  fields,
  secrets: ["key"],
  apply: (request, { in: place, name, prefix, key }) => ({
    request: place === "query" ? withQuery(request, { [name]: key }) : withHeaders(request, { [name]: prefix + key }),
  }),
});
