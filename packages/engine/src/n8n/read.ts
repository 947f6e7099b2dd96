import { invalidField } from "@weft/kernel/errors";
import type { Canvas, CanvasBody, CanvasEdge, CanvasInput, CanvasNode } from "../canvas.ts";
import {
  closePorts,
  edgeOf,
  Ids,
  Notes,
  nodeReport,
  placeholderNode,
  positionOf,
  record,
  text,
} from "../import/builder.ts";
import {
  type ImportBindings as Bindings,
  type Imported,
  type ImportedTrigger,
  type ImportReport,
  type NodeReport,
  reportOf,
} from "../import/report.ts";
import { nodeTypes } from "../nodes/index.ts";
import { isRecord } from "../values/json.ts";
import { isTrigger, triggerNote, triggerOf } from "./begin.ts";
import { type N8nNode, NodeContext, type Piece } from "./context.ts";
import { type Link, type Loop, loopsOf, type N8nGraph, readGraph } from "./graph.ts";
import { mapperOf, NEEDS_ITEMS } from "./nodes.ts";
import { orderOf, reachedFrom, startsOf } from "./order.ts";
import { pass } from "./parameters.ts";
import { gateNode, kindOf, NEVER, neverLeft, portsOf, reasonOf, settings } from "./parts.ts";
import { DonePort, Port, TurnPort } from "./ports.ts";

/** Whether a value looks like a workflow of n8n: its connections are kept by node name. */
export function isN8nWorkflow(raw: object): boolean {
  return isRecord(raw) && Array.isArray(raw.nodes) && isRecord(raw.connections);
}

const BASE = "n8n-nodes-base.";

class Reader {
  readonly #graph: N8nGraph;
  readonly #bindings: Bindings;
  readonly #workflow: { name: string; id: string };
  readonly #settings: Record<string, unknown>;
  readonly #ids = new Ids();
  /** By node: where its items come out, as far as the level has come. */
  readonly #outputs = new Map<string, readonly Port[]>();
  readonly #exits = new Map<string, Piece["exits"]>();
  readonly #gates = new Map<string, string>();
  /** By node: what it leads to. */
  readonly #follows = new Map<string, ReadonlySet<string>>();
  readonly reports: NodeReport[] = [];
  readonly triggers: ImportedTrigger[] = [];
  readonly credentials: ImportReport["credentials"] = [];
  /** Nodes that a run can come to, and where it begins. */
  #reachable: ReadonlySet<string> = new Set();
  #starts: readonly string[] = [];

  constructor(graph: N8nGraph, raw: Record<string, unknown>, bindings: Bindings) {
    this.#graph = graph;
    this.#bindings = bindings;
    this.#workflow = { name: text(raw.name) ?? "", id: text(raw.id) ?? "" };
    this.#settings = record(raw.settings);
  }

  #node(name: string): N8nNode {
    return this.#graph.nodes.get(name) as N8nNode;
  }

  /** The outputs of another node that leads to this one, where a run that comes to this one can have come to it. */
  #visible(from: string, other: string): readonly Port[] | undefined {
    if (this.#reachable.has(from) && !this.#reachable.has(other)) return undefined;
    let follows = this.#follows.get(other);
    if (!follows) {
      follows = reachedFrom([other], this.#graph.links);
      this.#follows.set(other, follows);
    }
    return follows.has(from) ? this.#outputs.get(other) : undefined;
  }

  #context(name: string, notes: Notes, inputs: readonly (readonly Port[])[], outputs: number): NodeContext {
    return new NodeContext({
      ...{ id: this.#ids.of(name), node: this.#node(name), notes, ids: this.#ids, inputs, outputs },
      portsOf: (other) => this.#visible(name, other),
      nodeOf: (other) => this.#graph.nodes.get(other),
      workflow: this.#workflow,
      bindings: this.#bindings,
    });
  }

  #report(node: N8nNode, to: string, notes: Notes): void {
    this.reports.push(
      nodeReport(
        {
          nodeId: this.#ids.of(node.name),
          externalId: text(node.raw.id) ?? node.name,
          name: node.name,
          from: node.type,
          to,
        },
        notes,
      ),
    );
  }

  #placed(node: N8nNode, created: CanvasNode): CanvasNode {
    const [x, y] = Array.isArray(node.raw.position) ? node.raw.position : [];
    return { ...created, ...positionOf(x, y), data: { label: node.name.slice(0, 200), ...created.data } };
  }

  #blocked(node: N8nNode, notes: Notes, outputs: number): Piece {
    const id = this.#ids.of(node.name);
    this.#report(node, "placeholder", notes);
    const ports = Array.from({ length: Math.max(1, outputs) }, (_none, at) => (at === 0 ? "default" : `output_${at}`));
    const { credentials: _left, ...original } = node.raw;
    const created = placeholderNode(id, node.name, {
      system: "n8n",
      type: node.type,
      reason: notes.blocked ?? "",
      ports,
      original: this.#withServing(node, original),
    });
    return {
      nodes: [created],
      edges: [],
      entry: id,
      exits: ports.map((port) => ({ id, port })),
      items: ports.map(() => `${id}.items`),
    };
  }

  /** Models, tools and memories stand inside the node that they serve. */
  #withServing(node: N8nNode, original: Record<string, unknown>): Record<string, unknown> {
    const serving = this.#graph.serving.get(node.name) ?? [];
    if (serving.length === 0) return original;
    const parts = serving.map((name) => {
      const { credentials: _left, ...rest } = this.#node(name).raw;
      return rest;
    });
    return { ...original, servedBy: parts };
  }

  /** Where the items of a piece come out. */
  #ports(owner: string, piece: Piece, inputs: readonly (readonly Port[])[]): Port[] {
    const ports = piece.items.map((items, at) => {
      const holder = piece.nodes.find(({ id, type }) => type === "transform" && items.startsWith(`${id}.`));
      return new Port({ owner, items, inputs, pairs: piece.pairs?.[at] ?? "same", holder });
    });
    for (const port of ports) port.siblings = ports;
    return ports;
  }

  #piece(name: string, inputs: readonly (readonly Port[])[], links: readonly Link[]): Piece {
    const node = this.#node(name);
    const notes = new Notes();
    const id = this.#ids.of(name);
    const outputs = 1 + Math.max(0, ...links.filter(({ from }) => from === name).map(({ output }) => output));
    const context = this.#context(name, notes, inputs, outputs);
    const isOff = node.raw.disabled === true;
    const mapper = isOff ? pass : mapperOf(node.type);
    if (!mapper) {
      notes.block(reasonOf(node.type));
      return this.#blocked(node, notes, outputs);
    }
    if (isTrigger(node.type) && !isOff) {
      this.triggers.push(triggerOf(node, id, this.#settings));
      const told = triggerNote(node.type);
      if (told !== undefined) notes.change(told);
    }
    if (inputs.some((ports) => new Set(ports.map(({ items }) => items)).size > 1))
      notes.change("it runs once, over the items of all nodes that lead to it");
    const piece = mapper(context);
    if (!isOff) settings(node, notes, piece, context.items());
    const missing = piece.nodes.find((created) => !nodeTypes.has(created.type));
    if (missing) notes.block(`nodes of type "${missing.type}" are not installed here`);
    if (notes.blocked !== undefined) return this.#blocked(node, notes, outputs);
    this.credentials.push(...notes.credentials.map((credential) => ({ nodeId: id, ...credential })));
    neverLeft(piece, outputs, this.#ids);
    const main = piece.nodes.find((created) => created.id === id);
    piece.nodes = piece.nodes.map((created) => (created === main ? this.#placed(node, created) : created));
    this.#report(node, piece.nodes.length === 1 ? (piece.nodes[0]?.type ?? "transform") : kindOf(piece), notes);
    const isGated = !isOff && (NEEDS_ITEMS.has(node.type.slice(BASE.length)) || node.raw.alwaysOutputData === true);
    return isGated && inputs.length > 0 ? this.#guarded(piece, context.items()) : piece;
  }

  /** A node that acts once must not act where there are no items. */
  #guarded(piece: Piece, items: Omit<CanvasInput, "name">): Piece {
    const id = this.#ids.fresh(`${piece.entry}_if`);
    const gate = gateNode(id, items);
    return {
      ...piece,
      nodes: [gate, ...piece.nodes],
      edges: [...piece.edges, edgeOf(id, piece.entry, "true")],
      entry: id,
    };
  }

  #loop({ head, body }: Loop, inputs: readonly (readonly Port[])[]): { piece: Piece; ports: readonly Port[] } {
    const node = this.#node(head);
    const notes = new Notes();
    const id = this.#ids.of(head);
    const after = this.#ids.fresh(`${id}_done`);
    const context = this.#context(head, notes, inputs, 2);
    const given = Number(node.parameters.batchSize ?? (node.version >= 3 ? 1 : 10));
    if (!Number.isFinite(given)) notes.block("a computed batch size has no counterpart");
    const size = Math.max(1, Math.trunc(given) || 1);
    if (record(node.parameters.options).reset !== undefined)
      notes.change("a loop that is reset begins anew by itself here");
    if (notes.blocked !== undefined) throw invalidField("nodes", `the loop "${head}" cannot be read: ${notes.blocked}`);
    const loop = this.#placed(node, {
      id,
      type: "loop",
      data: {
        config: { mode: "array", items: ["chunk"], collect: [] },
        inputs: [{ name: "chunk", type: "list", ...context.over(`$items_chunks(items, ${size})`) }],
        body: { nodes: [], edges: [] },
      },
    });
    const turn = new TurnPort({ owner: head, inputs, loop, size });
    this.#outputs.set(head, [turn, turn]);
    const inner = this.#level(body, (link) => link.from === head && body.has(link.to), id);
    const ends = this.#graph.links
      .filter(({ from, to }) => body.has(from) && to === head)
      .flatMap((link) => this.#outputs.get(link.from)?.[link.output] ?? []);
    const config = loop.data.config as { collect: { name: string; ref: string }[] };
    const parts = ends.map((end, at) => {
      config.collect.push({ name: `lists${at}`, ref: end.items });
      return { name: `lists${at}`, ref: `${id}.lists${at}` };
    });
    closePorts(inner, portsOf, id);
    loop.data.body = inner;
    const flat = `$items_joined(${parts.map(({ name }) => `$items_flat(${name})`).join(", ")})`;
    const done = context.transform([{ expression: { text: flat, inputs: parts } }], ["none"], after);
    if (ends.length > 1) notes.change("the items of several ends of a turn come one end after the other");
    this.#report(node, "loop", notes);
    const items = `${after}.items`;
    const port = new DonePort({ owner: head, items, loop, ends, body, holder: done.nodes[0] as CanvasNode });
    // What is inside of a loop is out of reach behind it.
    for (const name of body) this.#outputs.delete(name);
    const exits = [{ id: after }, { id: after }];
    const piece = { nodes: [loop, ...done.nodes], edges: [edgeOf(id, after)], entry: id, exits, items: [items, items] };
    return { piece, ports: [port, port] };
  }

  #made(name: string, inputs: readonly (readonly Port[])[], links: readonly Link[]) {
    const piece = this.#piece(name, inputs, links);
    return { piece, ports: this.#ports(name, piece, inputs) };
  }

  #level(names: ReadonlySet<string>, isEntry: (link: Link) => boolean, owner: string | undefined): CanvasBody {
    const links = this.#graph.links.filter(({ from, to }) => names.has(from) && names.has(to));
    const entries = this.#graph.links.filter(isEntry);
    const loops = loopsOf(names, this.#graph);
    const body: CanvasBody = { nodes: [], edges: [] };
    for (const name of orderOf(names, loops, links)) {
      const loop = loops.find(({ head }) => head === name);
      const into = [...links, ...entries].filter(
        (link) => link.to === name && !loop?.body.has(link.from) && !(loop && link.from === name),
      );
      const count = into.length === 0 ? 0 : 1 + Math.max(...into.map(({ input }) => input));
      const inputs = Array.from({ length: count }, (_none, at) => [
        ...new Set(
          into
            .filter(({ input }) => input === at)
            .flatMap((link) => this.#visible(name, link.from)?.[link.output] ?? []),
        ),
      ]);
      const { piece, ports } = loop ? this.#loop(loop, inputs) : this.#made(name, inputs, links);
      this.#outputs.set(name, ports);
      this.#exits.set(name, piece.exits);
      body.nodes.push(...piece.nodes);
      body.edges.push(...piece.edges, ...into.flatMap((link) => this.#edges(link, piece.entry, owner, body)));
    }
    return body;
  }

  #edges(link: Link, entry: string, owner: string | undefined, body: CanvasBody): CanvasEdge[] {
    if (owner !== undefined && this.#ids.of(link.from) === owner) return [edgeOf(owner, entry)];
    const exit = this.#exits.get(link.from)?.[link.output];
    const ref = this.#outputs.get(link.from)?.[link.output]?.items;
    if (!exit || ref === undefined) return [];
    const isRouted = new Set(this.#outputs.get(link.from)?.map(({ items }) => items)).size > 1;
    if ((!isRouted && !ref.endsWith(NEVER)) || exit.port !== undefined) return [edgeOf(exit.id, entry, exit.port)];
    return [edgeOf(this.#gate(exit.id, link.output, ref, body), entry, "true")];
  }

  /** What an if or a switch leads to runs only where it was given items. */
  #gate(source: string, output: number, ref: string, body: CanvasBody): string {
    const key = `${source}#${output}`;
    const known = this.#gates.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.fresh(`${source}_${output}`);
    this.#gates.set(key, id);
    body.nodes.push(gateNode(id, { ref }));
    body.edges.push(edgeOf(source, id));
    return id;
  }

  canvas(): Canvas {
    const serving = new Set([...this.#graph.serving.values()].flat());
    const flowing = new Set<string>();
    const notes: CanvasNode[] = [];
    for (const [name, node] of this.#graph.nodes) {
      if (node.type === `${BASE}stickyNote`) notes.push(this.#sticky(node));
      else if (!serving.has(name) || this.#graph.links.some(({ from, to }) => from === name || to === name))
        flowing.add(name);
      else this.#served(node);
    }
    this.#starts = startsOf(this.#graph, flowing);
    this.#reachable = reachedFrom(this.#starts, this.#graph.links);
    const body = this.#level(flowing, () => false, undefined);
    const start: CanvasNode = {
      id: "start",
      type: "start",
      data: {
        outputs: [
          { name: "items", type: "list" },
          { name: "trigger", type: "string" },
        ],
      },
    };
    this.#begin(body);
    // What ends in a stop with an error has no way out to the end.
    const leaves = [...this.#reachable].filter(
      (name) => this.#exits.get(name)?.length && !this.#graph.links.some(({ from }) => from === name),
    );
    const lists = leaves
      .flatMap((name) => this.#outputs.get(name)?.[0]?.items ?? [])
      .filter((ref) => body.nodes.some(({ id }) => ref.startsWith(`${id}.`)));
    const inputs = lists.slice(0, 200).map((ref, at) => ({ name: `i${at}`, ref }));
    const joined = { text: `$items_joined(${inputs.map(({ name }) => name).join(", ")})`, inputs };
    body.nodes.unshift(start);
    body.nodes.push({
      id: "end",
      type: "end",
      data: { inputs: [{ name: "items", type: "list", expression: joined }] },
    });
    closePorts(body, portsOf, "end");
    body.nodes.push(...notes);
    return body;
  }

  /** n8n starts at one trigger: with several, the run's input `trigger` names the one, else the first is meant. */
  #begin(body: CanvasBody): void {
    const first = this.#starts;
    const ids = first.map((name) => this.#ids.of(name));
    if (ids.length <= 1) {
      for (const id of ids) body.edges.push(edgeOf("start", id));
      if (ids.length === 0) body.edges.push(edgeOf("start", "end"));
      return;
    }
    const id = this.#ids.fresh("which_trigger");
    const branches = first
      .slice(1)
      .map((name) => ({ conditions: [{ left: "trigger", operator: "equal", value: name }] }));
    body.nodes.unshift({
      id,
      type: "selector",
      data: { config: { branches }, inputs: [{ name: "trigger", ref: "start.trigger" }] },
    });
    body.edges.push(edgeOf("start", id), edgeOf(id, ids[0] as string, "false"));
    ids.slice(1).forEach((target, at) => {
      body.edges.push(edgeOf(id, target, at === 0 ? "true" : `true_${at}`));
    });
  }

  #sticky(node: N8nNode): CanvasNode {
    const notes = new Notes();
    this.#report(node, "comment", notes);
    const content = text(node.parameters.content) ?? "";
    return this.#placed(node, { id: this.#ids.of(node.name), type: "comment", data: { config: { text: content } } });
  }

  #served(node: N8nNode): void {
    const notes = new Notes();
    notes.block("it serves another node, and is kept inside that one's placeholder");
    this.#report(node, "placeholder", notes);
  }
}

/**
 * A workflow of n8n as a canvas and a report. Every node gives its items as a list of objects; `bindings` says what the
 * workflows that it calls are here. Throws `invalid_input` for what is no workflow and for cycles without the meaning of a loop.
 */
export function readN8nWorkflow(raw: Record<string, unknown>, bindings: Partial<Bindings> = {}): Imported {
  const graph = readGraph(raw);
  if (graph.nodes.size === 0) throw invalidField("nodes", "the workflow has no nodes");
  const name = text(raw.name);
  const reader = new Reader(graph, raw, { workflows: {}, credentials: {}, ...bindings });
  const canvas = reader.canvas();
  const { triggers, credentials, reports } = reader;
  return {
    ...(name ? { name } : {}),
    canvas,
    report: reportOf("n8n", reports, { notes: graph.notes, triggers, credentials }),
  };
}
