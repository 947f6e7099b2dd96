import type { CanvasEdge, CanvasInput, CanvasNode } from "../canvas.ts";
import { expressionProblem } from "../expressions/evaluate.ts";
import { edgeOf, type Ids, type Notes } from "../import/builder.ts";
import { Untranslatable } from "./ast.ts";
import { translateParameter } from "./translate.ts";

/** A node of n8n, read. */
export interface N8nNode {
  name: string;
  type: string;
  version: number;
  parameters: Record<string, unknown>;
  raw: Record<string, unknown>;
}

type Source = Omit<CanvasInput, "name">;

/** What one node of n8n becomes: where it is entered and left, and where the items of each of its outputs are. */
export interface Piece {
  nodes: CanvasNode[];
  edges: CanvasEdge[];
  entry: string;
  /** By output: the node and port that lead on. */
  exits: { id: string; port?: string }[];
  /** By output: the reference to the list of items. */
  items: string[];
}

/** What a node of n8n is read with: its inputs, the other nodes, and what is to be told of it. */
export class NodeContext {
  readonly id: string;
  readonly node: N8nNode;
  readonly notes: Notes;
  readonly ids: Ids;
  /** By input: where its items come from. */
  readonly #inputs: readonly (readonly string[])[];
  readonly #itemsOf: (name: string) => string | undefined;
  readonly #workflowName: string;
  readonly #others = new Map<string, string>();
  readonly #variables = new Map<string, string>();

  constructor(given: {
    id: string;
    node: N8nNode;
    notes: Notes;
    ids: Ids;
    inputs: readonly (readonly string[])[];
    itemsOf: (name: string) => string | undefined;
    workflowName: string;
  }) {
    this.id = given.id;
    this.node = given.node;
    this.notes = given.notes;
    this.ids = given.ids;
    this.#inputs = given.inputs;
    this.#itemsOf = given.itemsOf;
    this.#workflowName = given.workflowName;
  }

  /** The items of an input: of the one node that leads to it, or of all of them. */
  items(input = 0): Source {
    const refs = this.#inputs[input] ?? [];
    if (refs.length === 0) return { value: [] };
    if (refs.length === 1) return { ref: refs[0] as string };
    const inputs = refs.map((ref, at) => ({ name: `i${at}`, ref }));
    return { expression: { text: `$items_joined(${inputs.map(({ name }) => name).join(", ")})`, inputs } };
  }

  get inputCount(): number {
    return this.#inputs.length;
  }

  /** A parameter as JSONata per item: `$json` is the item. What cannot be translated is told and blocks the node. */
  jsonata(value: unknown, path: string): string {
    if (typeof value !== "string" || !value.startsWith("=")) return JSON.stringify(value ?? null);
    try {
      const to = translateParameter(value, {
        itemsOf: (name) => this.#other(name),
        variable: (name) => this.#variable(name),
        workflowName: this.#workflowName,
      });
      const problem = expressionProblem("jsonata", to);
      if (problem !== undefined) throw new Untranslatable(problem);
      this.notes.expressions.push({ path, from: value, to });
      if (value.includes(").item.") || value.includes("$node[")) {
        this.notes.change("the item of another node that belongs to an item is taken by its place");
      }
      return to;
    } catch (thrown) {
      if (!(thrown instanceof Untranslatable)) throw thrown;
      this.notes.expressions.push({ path, from: value, reason: thrown.message });
      this.notes.block(`the expression of "${path}" could not be translated: ${thrown.message}`);
      return "null";
    }
  }

  /** Where the items of another node are, by its name there. */
  refOf(name: string): string | undefined {
    return this.#itemsOf(name);
  }

  #other(name: string): string {
    const ref = this.#itemsOf(name);
    if (ref === undefined) throw new Untranslatable(`the node "${name}" does not come before this one`);
    const known = this.#others.get(ref) ?? `n${this.#others.size}`;
    this.#others.set(ref, known);
    return known;
  }

  #variable(name: string): string {
    const known = this.#variables.get(name) ?? `var${this.#variables.size}`;
    if (!this.#variables.has(name)) this.notes.change(`$vars.${name} is the variable "${name}" of the space`);
    this.#variables.set(name, known);
    return known;
  }

  /** What an expression of this node reads beside its items. */
  #spokenOf(): CanvasInput[] {
    return [
      ...[...this.#others].map(([ref, name]) => ({ name, ref })),
      ...[...this.#variables].map(([variable, name]) => ({ name, variable: `global.${variable}` })),
    ];
  }

  /** An expression over the items of the inputs (`items`, `items1`, …) and of the nodes that were spoken of. */
  over(text: string): Source {
    const own = this.#inputs.map((_refs, at) => ({ name: at === 0 ? "items" : `items${at}`, ...this.items(at) }));
    const others = this.#spokenOf();
    const inputs = own.length > 0 ? [...own, ...others] : [{ name: "items", value: [] }, ...others];
    return { expression: { text, inputs } };
  }

  /** An expression that makes something of each item. */
  each(body: string): Source {
    return this.over(`$js_map(items, function($json, $itemIndex){ ${body} })`);
  }

  /** A node that gives computed lists, one for each output. */
  transform(outputs: readonly Source[], id = this.id): Piece {
    const names = outputs.map((_source, at) => (at === 0 ? "items" : `items${at}`));
    return {
      nodes: [
        {
          id,
          type: "transform",
          data: {
            inputs: outputs.map((source, at) => ({ name: names[at] as string, type: "list" as const, ...source })),
            outputs: names.map((name) => ({ name, type: "list" as const })),
          },
        },
      ],
      edges: [],
      entry: id,
      exits: outputs.map(() => ({ id })),
      items: names.map((name) => `${id}.${name}`),
    };
  }

  /** Runs a node once for each item; `read` computes the items that each turn gives from the node's output. */
  perItem(inner: (item: string) => CanvasNode["data"], type: string, read: string, concurrency: number): Piece {
    const { id } = this;
    const [innerId, readId, outId] = [`${id}_do`, `${id}_read`, `${id}_items`].map((wanted) =>
      this.ids.fresh(wanted),
    ) as [string, string, string];
    const result = { name: "result", ref: innerId };
    const readNode: CanvasNode = {
      id: readId,
      type: "transform",
      data: {
        inputs: [
          {
            name: "items",
            type: "list",
            expression: { text: read, inputs: [result, { name: "json", ref: `${id}.item` }] },
          },
        ],
        outputs: [{ name: "items", type: "list" }],
      },
    };
    const batch: CanvasNode = {
      id,
      type: "batch",
      data: {
        config: { items: ["item", "at"], concurrency, collect: [{ name: "lists", ref: `${readId}.items` }] },
        inputs: [
          { name: "item", type: "list", ...this.items() },
          { name: "all", type: "list", ...this.items() },
          {
            name: "at",
            type: "list",
            expression: {
              text: "$js_map(items, function($v, $i){ $i })",
              inputs: [{ name: "items", ...this.items() }],
            },
          },
        ],
        outputs: [{ name: "lists", type: "list" }],
        body: {
          nodes: [{ id: innerId, type, data: inner(`${id}.item`) }, readNode],
          edges: [edgeOf(id, innerId), edgeOf(innerId, readId), edgeOf(readId, id)],
        },
      },
    };
    const lists = { name: "lists", ref: `${id}.lists` };
    const out: CanvasNode = {
      id: outId,
      type: "transform",
      data: {
        inputs: [{ name: "items", type: "list", expression: { text: "$items_flat(lists)", inputs: [lists] } }],
        outputs: [{ name: "items", type: "list" }],
      },
    };
    return {
      nodes: [batch, out],
      edges: [edgeOf(id, outId)],
      entry: id,
      exits: [{ id: outId }],
      items: [`${outId}.items`],
    };
  }

  /** A parameter as an input inside {@link perItem}: the item of the turn is `$json`. */
  turnInput(name: string, value: unknown, path: string, type?: "string"): CanvasInput {
    if (typeof value !== "string" || !value.startsWith("="))
      return { name, ...(type ? { type } : {}), value: value ?? null };
    const text = this.jsonata(value, path);
    const inputs = [
      { name: "item_of_turn", ref: `${this.id}.item` },
      { name: "items", ref: `${this.id}.all` },
      { name: "at", ref: `${this.id}.at` },
      ...this.#spokenOf(),
    ];
    return {
      name,
      ...(type ? { type } : {}),
      expression: { text: `($json := item_of_turn; $itemIndex := at; ${text})`, inputs },
    };
  }
}
