import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { CODE_LANGUAGES, type CodeOutcome } from "@weft/engine/code";
import { AppError } from "@weft/kernel/errors";
import type { Context } from "aws-lambda";
import * as z from "zod";

const Request = z.object({
  language: z.enum(CODE_LANGUAGES),
  code: z.string(),
  inputs: z.record(z.string(), z.unknown()),
  files: z.array(z.object({ name: z.string(), base64: z.string() })).optional(),
  limits: z.object({ timeoutMs: z.number().optional(), memoryBytes: z.number().optional() }).optional(),
  tenant: z.string().min(1),
});

const sandbox = createSandbox(sandboxParts(import.meta.url));

/** The sandbox: it has no rights, no network and nobody's data, and its environment serves one tenant. */
export async function handler(event: unknown, context: Context & { tenantId?: string }): Promise<CodeOutcome> {
  const { tenant, ...request } = Request.parse(event);
  if (context.tenantId !== tenant) throw new AppError("forbidden", "this environment serves another tenant");
  return sandbox.run(request);
}
