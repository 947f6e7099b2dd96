import * as z from "zod";
import { defineCredentialType, secret, text } from "./type.ts";

const fields = z.strictObject({
  host: text("The server's name"),
  port: z.int().min(1).max(65_535).default(587),
  security: z.enum(["starttls", "tls", "none"]).default("starttls"),
  username: text("The user's name"),
  password: secret("The user's password"),
});

export const smtp = defineCredentialType({
  type: "smtp",
  title: "Mail server",
  description: "A user of an SMTP server.",
  fields,
  secrets: ["password"],
  hosts: () => [],
});
