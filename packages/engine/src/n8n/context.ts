import type { CanvasEdge, CanvasInput, CanvasNode } from "../canvas.ts";
import { expressionProblem } from "../expressions/evaluate.ts";
import { edgeOf, type Ids, type Notes, record } from "../import/builder.ts";
import type { ImportBindings as Bindings } from "../import/report.ts";
import { Untranslatable } from "./ast.ts";
import { expressionOf, joinedTrace, type Pairs, type Port, type Source } from "./ports.ts";
import { translateParameter } from "./translate.ts";

/** A node of n8n, read. */
export interface N8nNode {
  name: string;
  type: string;
  version: number;
  parameters: Record<string, unknown>;
  raw: Record<string, unknown>;
}

/** What one node of n8n becomes: where it is entered and left, and where the items of each of its outputs are. */
export interface Piece {
  nodes: CanvasNode[];
  edges: CanvasEdge[];
  entry: string;
  /** By output: the node and port that lead on. */
  exits: { id: string; port?: string }[];
  /** By output: the reference to the list of items. */
  items: string[];
  /** By output: how its items belong to those that came in; one for one where it is not said. */
  pairs?: Pairs[];
}

/** What follows the failure of an item: all stops, it goes on as an item that tells of it, or by an output of its own. */
export type OnFail = "stop" | "items" | "branch";

interface Given {
  id: string;
  node: N8nNode;
  notes: Notes;
  ids: Ids;
  /** By input: the outputs that lead to it. */
  inputs: readonly (readonly Port[])[];
  /** The outputs of another node that can have run before this one. */
  portsOf: (name: string) => readonly Port[] | undefined;
  nodeOf: (name: string) => N8nNode | undefined;
  workflow: { name: string; id: string };
  bindings: Bindings;
  /** How many outputs connections leave by. */
  outputs: number;
}

/** What a node of n8n is read with: its inputs, the other nodes, and what is to be told of it. */
export class NodeContext {
  readonly id: string;
  readonly node: N8nNode;
  readonly notes: Notes;
  readonly ids: Ids;
  readonly bindings: Bindings;
  readonly workflow: Given["workflow"];
  readonly outputs: number;
  readonly #given: Given;
  readonly #spoken: CanvasInput[] = [];
  readonly #spokenBy = new Map<string, string>();

  constructor(given: Given) {
    this.#given = given;
    this.id = given.id;
    this.node = given.node;
    this.notes = given.notes;
    this.ids = given.ids;
    this.bindings = given.bindings;
    this.workflow = given.workflow;
    this.outputs = given.outputs;
  }

  /** The items of an input: of the one node that leads to it, or of all of them. */
  items(input = 0): Source {
    const all = this.#arriving(input);
    return this.node.raw.executeOnce === true ? expressionOf(([list]) => `$js_slice(${list}, 0, 1)`, [all]) : all;
  }

  #arriving(input: number): Source {
    const refs = [...new Set((this.#given.inputs[input] ?? []).map(({ items }) => items))];
    if (refs.length === 0) return { value: [] };
    if (refs.length === 1) return { ref: refs[0] as string };
    const inputs = refs.map((ref, at) => ({ name: `i${at}`, ref }));
    return { expression: { text: `$items_joined(${inputs.map(({ name }) => name).join(", ")})`, inputs } };
  }

  get inputCount(): number {
    return this.#given.inputs.length;
  }

  /** What follows the failure of an item. */
  get onFail(): OnFail {
    const { onError, continueOnFail } = this.node.raw;
    if (onError === "continueErrorOutput") return "branch";
    return onError === "continueRegularOutput" || (onError === undefined && continueOnFail === true) ? "items" : "stop";
  }

  /** A parameter as JSONata per item: `$json` is the item. What cannot be translated is told and blocks the node. */
  jsonata(value: unknown, path: string): string {
    if (typeof value !== "string" || !value.startsWith("=")) return JSON.stringify(value ?? null);
    try {
      const to = translateParameter(value, {
        itemsOf: (name) => this.#other(name),
        pairedOf: (name, index) => this.#paired(name, index),
        parameterOf: (name, key) => this.#parameter(name, key),
        variable: (name) => this.#variable(name),
        executionId: () => this.#speak({ variable: "system.sys_execution_id" }, "execution"),
        workflowName: this.workflow.name,
      });
      const problem = expressionProblem("jsonata", to);
      if (problem !== undefined) throw new Untranslatable(problem);
      this.notes.expressions.push({ path, from: value, to });
      return to;
    } catch (thrown) {
      if (!(thrown instanceof Untranslatable)) throw thrown;
      this.notes.expressions.push({ path, from: value, reason: thrown.message });
      this.notes.block(`the expression of "${path}" could not be translated: ${thrown.message}`);
      return "null";
    }
  }

  /** Where the items of another node are, by its name there: of the output by which they led here. */
  refOf(name: string): string | undefined {
    return this.#reached(name)?.items;
  }

  /** The items of another node as its paired items are counted, and for each own item the place of its pair. */
  pairOf(name: string): { all: Source; places: Source | "same" } | undefined {
    const port = this.#reached(name);
    const trace = joinedTrace(this.#given.inputs[0] ?? [], name);
    return port === undefined || trace === undefined ? undefined : { all: port.all, places: trace };
  }

  #reached(name: string): Port | undefined {
    const visible = this.#given.portsOf(name);
    return visible?.find((port) => this.#given.inputs.some((ports) => ports.includes(port))) ?? visible?.[0];
  }

  #port(name: string): Port {
    const port = this.#reached(name);
    if (port === undefined) throw new Untranslatable(`the node "${name}" does not come before this one`);
    return port;
  }

  /** The name by which expressions of this node read something. */
  #speak(source: Source, prefix: string): string {
    const key = JSON.stringify(source);
    const known = this.#spokenBy.get(key);
    if (known !== undefined) return known;
    const name = `${prefix}${this.#spoken.length}`;
    this.#spokenBy.set(key, name);
    this.#spoken.push({ name, ...source });
    return name;
  }

  #other(name: string): string {
    return this.#speak({ ref: this.#port(name).items }, "n");
  }

  #paired(name: string, index: string): string {
    const pair = this.pairOf(name);
    if (pair === undefined) {
      const other = this.#other(name);
      this.notes.change(`it is not known which item of "${name}" belongs to an item: it is taken by its place`);
      return `$js_paired(${other}, ${index})`;
    }
    const all = this.#speak(pair.all, "n");
    return pair.places === "same"
      ? `$js_get(${all}, ${index})`
      : `$items_paired(${all}, ${this.#speak(pair.places, "p")}, ${index})`;
  }

  #parameter(name: string, key: string): string {
    const value = record(this.#given.nodeOf(name)?.parameters)[key];
    if (value === undefined || JSON.stringify(value).includes('"='))
      throw new Untranslatable(`the setting "${key}" of the node "${name}" is computed or unknown`);
    return JSON.stringify(value);
  }

  #variable(name: string): string {
    const source = { variable: `global.${name}` };
    if (!this.#spokenBy.has(JSON.stringify(source)))
      this.notes.change(`$vars.${name} is the variable "${name}" of the space`);
    return this.#speak(source, "var");
  }

  /** An expression over the items of the inputs (`items`, `items1`, …) and of the nodes that were spoken of. */
  over(text: string): Source {
    const own = this.#given.inputs.map((_ports, at) => ({
      name: at === 0 ? "items" : `items${at}`,
      ...this.items(at),
    }));
    const inputs = own.length > 0 ? own : [{ name: "items", value: [] }];
    return { expression: { text, inputs: [...inputs, ...this.#spoken] } };
  }

  /** An expression that makes something of each item. */
  each(body: string): Source {
    return this.over(`$js_map(items, function($json, $itemIndex){ ${body} })`);
  }

  /** An expression that is true for the places of the items that pass a test. */
  placesWhere(test: string): Source {
    return this.over(
      `$js_filter($items_places(items), function($itemIndex){ ($json := $js_get(items, $itemIndex); ${test}) })`,
    );
  }

  /** What one expression gives for the first item. */
  first(value: unknown, path: string): Source {
    const text = this.jsonata(value, path);
    return this.over(`(function($json, $itemIndex){ ${text} })($js_get(items, 0), 0)`);
  }

  /** A node that gives computed lists, one for each output. */
  transform(outputs: readonly Source[], pairs: Pairs[] = [], id = this.id): Piece {
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
      pairs,
    };
  }

  /** What an expression inside of {@link perItem} reads: the item of the turn is `$json`. */
  turnExpression(text: string): { text: string; inputs: CanvasInput[] } {
    const inputs = [
      { name: "item_of_turn", ref: `${this.id}.item` },
      { name: "items", ref: `${this.id}.all` },
      { name: "at", ref: `${this.id}.at` },
      ...this.#spoken,
    ];
    return { text: `($json := item_of_turn; $itemIndex := at; ${text})`, inputs };
  }

  /** A parameter as an input inside {@link perItem}. */
  turnInput(name: string, value: unknown, path: string, type?: "string"): CanvasInput {
    const typed = type ? { type } : {};
    if (typeof value !== "string" || !value.startsWith("=")) return { name, ...typed, value: value ?? null };
    return { name, ...typed, expression: this.turnExpression(this.jsonata(value, path)) };
  }

  /**
   * Runs a node once for each item. `read` is JSONata for the list of items that a turn gives: of the node's output as
   * `result` and of its own item as `json`. A turn that fails gives an item with the error, or goes by the second output.
   */
  perItem(given: { type: string; data: CanvasNode["data"]; read: string; concurrency: number; error?: string }): Piece {
    const { id, onFail } = this;
    const [innerId, readId, outId] = [`${id}_do`, `${id}_read`, `${id}_items`].map((wanted) =>
      this.ids.fresh(wanted),
    ) as [string, string, string];
    const error = given.error ?? '{"error": result.errorBody.errorMessage}';
    const failed = onFail === "items" ? `[${error}]` : `[$js_merge(json, ${error})]`;
    const inputs = [
      { name: "result", ref: innerId },
      { name: "json", ref: `${id}.item` },
    ];
    const list = (name: string, text: string): CanvasInput => ({ name, type: "list", expression: { text, inputs } });
    const isFailed = "$not($js_nullish(result.errorBody))";
    const lists =
      onFail === "stop"
        ? [list("items", given.read)]
        : onFail === "items"
          ? [list("items", `${isFailed} ? ${failed} : ${given.read}`)]
          : [list("items", `${isFailed} ? [] : ${given.read}`), list("failed", `${isFailed} ? ${failed} : []`)];
    const names = lists.map(({ name }) => name);
    const readNode: CanvasNode = {
      id: readId,
      type: "transform",
      data: { inputs: lists, outputs: names.map((name) => ({ name, type: "list" })) },
    };
    const onError = onFail === "stop" ? {} : { onError: { strategy: "default" as const } };
    const places = expressionOf(([all]) => `$items_places(${all})`, [this.items()]);
    const batch: CanvasNode = {
      id,
      type: "batch",
      data: {
        config: {
          items: ["item", "at"],
          concurrency: given.concurrency,
          collect: names.map((name) => ({ name: `lists_${name}`, ref: `${readId}.${name}` })),
        },
        inputs: [
          { name: "item", type: "list", ...this.items() },
          { name: "all", type: "list", ...this.items() },
          { name: "at", type: "list", ...places },
        ],
        outputs: names.map((name) => ({ name: `lists_${name}`, type: "list" })),
        body: {
          nodes: [{ id: innerId, type: given.type, data: { ...given.data, ...onError } }, readNode],
          edges: [edgeOf(id, innerId), edgeOf(innerId, readId), edgeOf(readId, id)],
        },
      },
    };
    const collected = names.map((name) => ({ ref: `${id}.lists_${name}` }));
    const out = this.transform(
      collected.map((lists) => expressionOf(([all]) => `$items_flat(${all})`, [lists])),
      collected.map((lists) => [expressionOf(([all]) => `$items_turns(${all})`, [lists])]),
      outId,
    );
    return { ...out, nodes: [batch, ...out.nodes], edges: [edgeOf(id, outId)], entry: id };
  }
}
