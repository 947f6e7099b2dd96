import * as z from "zod";
import { defineCredentialType, headerName, MAX_SECRET, withBody, withHeaders, withQuery } from "./type.ts";

const MAX_ENTRIES = 50;
const Value = z.string().max(MAX_SECRET);
const Line = Value.regex(/^[^\p{Cc}]*$/u);
const Name = z.string().min(1).max(200);

const entries = <V extends z.ZodType<string>>(name: z.ZodType<string, string>, value: V, description: string) =>
  z
    .record(name as z.ZodString, value)
    .refine((map) => Object.keys(map).length <= MAX_ENTRIES, `at most ${MAX_ENTRIES} entries`)
    .default({})
    .meta({ description, writeOnly: true });

const fields = z.strictObject({
  headers: entries(headerName, Line, "Headers by name"),
  query: entries(Name, Value, "Query parameters by name"),
  body: entries(Name, Value, "Fields of a JSON or form body by name"),
});

export const custom = defineCredentialType({
  type: "custom",
  title: "Custom",
  description: "Headers, query parameters and fields of the body, sent as they are.",
  fields,
  secrets: ["headers", "query", "body"],
  check: (data) =>
    [data.headers, data.query, data.body].some((map) => Object.keys(map).length > 0)
      ? []
      : [{ path: "headers", message: "at least one header, query parameter or field of the body is needed" }],
  apply: (given, { headers, query, body }) => {
    let request = withHeaders(given, headers);
    if (Object.keys(query).length > 0) request = withQuery(request, query);
    if (Object.keys(body).length > 0) request = withBody(request, body);
    return { request };
  },
});
