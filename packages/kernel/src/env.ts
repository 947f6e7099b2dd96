import * as z from "zod";

/**
 * Reads the variables that a function needs and fails at once, by name, when one is missing. `source` defaults to the
 * process's environment.
 */
export function readEnv<S extends z.ZodRawShape>(
  shape: S,
  source: Record<string, string | undefined> = process.env,
): z.output<z.ZodObject<S>> {
  const parsed = z.object(shape).safeParse(source);
  if (parsed.success) return parsed.data;
  const names = parsed.error.issues.map((issue) => issue.path.join("."));
  throw new Error(`environment variables missing or wrong: ${names.join(", ")}`);
}
