import * as z from "zod";
import { defineCredentialType, secret, text } from "./type.ts";

const fields = z.strictObject({
  engine: z.enum(["postgres", "mysql", "sqlserver"]),
  host: text("The server's name or address"),
  port: z.int().min(1).max(65_535),
  database: text("The database's name"),
  username: text("The user's name"),
  password: secret("The user's password"),
  tls: z.boolean().default(true),
});

export const database = defineCredentialType({
  type: "database",
  title: "Database",
  description: "A user of a database server.",
  fields,
  secrets: ["password"],
  hosts: () => [],
});
