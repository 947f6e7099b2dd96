import { type Resource, TemplateError } from "./types.ts";

/** Typed reading of a resource's properties; what is missing or of another type is an error that names the resource. */
export class Properties {
  readonly #resource: Resource;
  readonly #values: Record<string, unknown>;
  readonly #path: string;

  constructor(resource: Resource, values: Record<string, unknown> = resource.properties, path = "") {
    this.#resource = resource;
    this.#values = values;
    this.#path = path;
  }

  string(name: string): string {
    const value = this.#values[name];
    if (typeof value !== "string") throw this.error(`${this.#path}${name} must be a string`);
    return value;
  }

  optional(name: string): string | undefined {
    return this.#values[name] === undefined ? undefined : this.string(name);
  }

  number(name: string, fallback: number): number {
    const value = this.#values[name];
    if (value === undefined) return fallback;
    const number = Number(value);
    if (Number.isNaN(number)) throw this.error(`${this.#path}${name} must be a number`);
    return number;
  }

  flag(name: string): boolean {
    return this.#values[name] === true || this.#values[name] === "true";
  }

  list(name: string): unknown[] {
    const value = this.#values[name] ?? [];
    if (!Array.isArray(value)) throw this.error(`${this.#path}${name} must be a list`);
    return value;
  }

  record(name: string): Record<string, unknown> {
    const value = this.#values[name] ?? {};
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.error(`${this.#path}${name} must be an object`);
    return value as Record<string, unknown>;
  }

  strings(name: string): Record<string, string> {
    return Object.fromEntries(Object.entries(this.record(name)).map(([key, value]) => [key, String(value)]));
  }

  /** The object property `name`, to be read in the same way. */
  child(name: string): Properties {
    return new Properties(this.#resource, this.record(name), `${this.#path}${name}.`);
  }

  /** The objects of the list property `name`. */
  children(name: string): Properties[] {
    return this.list(name).map((item, index) => {
      return new Properties(this.#resource, (item ?? {}) as Record<string, unknown>, `${this.#path}${name}.${index}.`);
    });
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  get raw(): Record<string, unknown> {
    return this.#values;
  }

  error(message: string): TemplateError {
    const { stack, logicalId, type } = this.#resource;
    return new TemplateError(`${stack}/${logicalId} (${type}): ${message}`);
  }
}
