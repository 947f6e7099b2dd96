import * as z from "zod";
import { defineCredentialType, secretLine, text, withHeaders } from "./type.ts";

const fields = z.strictObject({
  // A colon would end the name (RFC 7617).
  username: text("The user's name").regex(/^[^:]*$/, "has no colon"),
  password: secretLine("The user's password"),
});

export const basic = defineCredentialType({
  type: "basic",
  title: "User and password",
  description: "HTTP Basic authentication.",
  fields,
  secrets: ["password"],
  apply: (request, { username, password }) => {
    const pair = Buffer.from(`${username}:${password}`).toString("base64");
    return { request: withHeaders(request, { Authorization: `Basic ${pair}` }), secrets: [pair] };
  },
});
