import * as z from "zod";
import { NODE_CATEGORIES, type NodeCategory } from "./categories.ts";
import type { NodeDefinition, PortForm } from "./node.ts";
import { nodes, nodeTypes } from "./nodes/index.ts";
import { DEFAULT_PORT, ERROR_PORT, type Field } from "./plan.ts";

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
  /** Every port that it can have. `{n}` in a name stands for a number from 0, `{name}` for a word of the configuration. */
  portForms: readonly PortForm[];
  composite: boolean;
  /** It may suspend the run. */
  waits: boolean;
  /** Composite types that it must stand directly in. */
  within: readonly string[];
  coze: { id: string; key: string; displayKey: string } | null;
  /** Types of n8n and Dify that are imported as this one; `type:operation` where only an operation of the type is. */
  n8n: readonly string[];
  dify: readonly string[];
}

/** A group of node types. */
export interface CatalogueCategory {
  key: NodeCategory;
  title: string;
  description: string;
  icon: string;
  color: string;
  order: number;
}

const GOES_ON: PortForm = { name: DEFAULT_PORT, description: "It is done." };
const FAILED: PortForm = { name: ERROR_PORT, description: "It failed, and `onError.strategy` is `branch`." };

function portForms({ category, ports, portForms: own }: NodeDefinition): PortForm[] {
  // A note never runs.
  if (category === "note") return [];
  return [...(own ?? (ports ? [] : [GOES_ON])), FAILED];
}

function entryOf(definition: NodeDefinition): CatalogueEntry {
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
    ports: definition.ports ? (known(definition.ports) ?? null) : [DEFAULT_PORT],
    portForms: portForms(definition),
    composite: definition.composite ?? false,
    waits: definition.waits ?? false,
    within: definition.within ?? [],
    coze: coze ? { id: coze.id, key: coze.key, displayKey: coze.displayKey } : null,
    n8n: definition.n8n ?? [],
    dify: definition.dify ?? [],
  };
}

let entries: CatalogueEntry[] | undefined;

/** Every installed node type with the schema of its configuration. */
export function catalogue(): CatalogueEntry[] {
  entries ??= [...nodeTypes.values()].map(entryOf);
  return entries;
}

/** The groups of node types, in order. */
export function categories(): CatalogueCategory[] {
  return Object.entries(NODE_CATEGORIES).map(([key, category], order) => ({
    key: key as NodeCategory,
    ...category,
    order,
  }));
}

/** Every node type by group, in a few lines of Markdown. */
export function catalogueText(): string {
  return categories()
    .map(({ key, title }) => {
      const lines = nodes
        .filter(({ category }) => category === key)
        .map(({ type, title: name, description }) => `- \`${type}\` (${name}): ${description}`);
      return [`**${title}** (\`${key}\`)`, "", ...lines].join("\n");
    })
    .join("\n\n");
}
