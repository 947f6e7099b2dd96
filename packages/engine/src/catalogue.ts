import * as z from "zod";
import type { NodeCategory } from "./node.ts";
import { nodeTypes } from "./nodes/index.ts";
import type { Field } from "./plan.ts";

/** What is told of a node type to whoever draws a canvas. */
export interface CatalogueEntry {
  type: string;
  title: string;
  description: string;
  category: NodeCategory;
  /** JSON Schema of `data.config`. */
  configSchema: Record<string, unknown>;
  /** Fields that it gives with an empty configuration; the canvas may declare more. */
  outputs: Field[];
  /** Ports with an empty configuration; null where the configuration decides. */
  ports: string[] | null;
  composite: boolean;
  /** It may suspend the run. */
  waits: boolean;
  /** Composite types that it must stand directly in. */
  within: readonly string[];
  coze: { id: string; key: string; displayKey: string } | null;
}

function entryOf(definition: typeof nodeTypes extends ReadonlyMap<string, infer D> ? D : never): CatalogueEntry {
  const empty = definition.config.safeParse({});
  const config = empty.success ? empty.data : undefined;
  const known = <T>(read: ((config: unknown) => T) | undefined): T | undefined =>
    read && empty.success ? read(config) : undefined;
  const { coze } = definition;
  return {
    type: definition.type,
    title: definition.title,
    description: definition.description,
    category: definition.category,
    configSchema: z.toJSONSchema(definition.config, { io: "input" }) as Record<string, unknown>,
    outputs: known(definition.outputs) ?? [],
    ports: definition.ports ? (known(definition.ports) ?? null) : ["default"],
    composite: definition.composite ?? false,
    waits: definition.waits ?? false,
    within: definition.within ?? [],
    coze: coze ? { id: coze.id, key: coze.key, displayKey: coze.displayKey } : null,
  };
}

let entries: CatalogueEntry[] | undefined;

/** Every installed node type with the schema of its configuration. */
export function catalogue(): CatalogueEntry[] {
  entries ??= [...nodeTypes.values()].map(entryOf);
  return entries;
}
