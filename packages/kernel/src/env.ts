import * as z from "zod";

/** Making a schema costs far more than using it. */
const schemas = new WeakMap<z.ZodRawShape, z.ZodObject>();

/**
 * Reads the variables that a function needs and fails at once, by name, when one is missing. `source` defaults to the
 * process's environment. A shape that is read again and again is best a constant.
 */
export function readEnv<S extends z.ZodRawShape>(
  shape: S,
  source: Record<string, string | undefined> = process.env,
): z.output<z.ZodObject<S>> {
  const schema = schemas.get(shape) ?? z.object(shape);
  schemas.set(shape, schema);
  const parsed = schema.safeParse(source);
  if (parsed.success) return parsed.data as z.output<z.ZodObject<S>>;
  const names = parsed.error.issues.map((issue) => issue.path.join("."));
  throw new Error(`environment variables missing or wrong: ${names.join(", ")}`);
}
