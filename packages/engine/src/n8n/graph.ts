import { type FieldIssue, invalidField, invalidInput } from "@weft/kernel/errors";
import { list, record, records, text } from "../import/builder.ts";
import { MAX_EDGES, MAX_NODES } from "../limits.ts";
import type { N8nNode } from "./context.ts";

/** A connection between two nodes of n8n. */
export interface Link {
  from: string;
  output: number;
  to: string;
  input: number;
}

/** The workflow's graph as far as data flows along it, and the nodes that serve others (models, tools, memories). */
export interface N8nGraph {
  nodes: Map<string, N8nNode>;
  links: Link[];
  /** Nodes that others are made of, by whose name. */
  serving: Map<string, string[]>;
  notes: string[];
}

const LOOP = "n8n-nodes-base.splitInBatches";

function readNodes(raw: Record<string, unknown>, notes: string[]): Map<string, N8nNode> {
  const given = list(raw.nodes);
  if (given.length > MAX_NODES) throw invalidField("nodes", `a canvas has at most ${MAX_NODES} nodes`);
  const nodes = new Map<string, N8nNode>();
  const issues: FieldIssue[] = [];
  given.forEach((one, index) => {
    const node = record(one);
    const name = text(node.name);
    const type = text(node.type);
    if (one === null) return;
    if (name === undefined || name === "" || type === undefined) {
      issues.push({ path: `nodes.${index}`, message: "a node has a name and a type" });
    } else if (nodes.has(name)) notes.push(`there are two nodes "${name.slice(0, 100)}": the first one is meant`);
    else
      nodes.set(name, {
        name,
        type,
        version: Number(node.typeVersion) || 1,
        parameters: record(node.parameters),
        raw: node,
      });
  });
  if (issues.length > 0) throw invalidInput(issues);
  return nodes;
}

function byNameOrId(nodes: ReadonlyMap<string, N8nNode>): (key: string) => string | undefined {
  const byId = new Map([...nodes.values()].map((node) => [text(node.raw.id) ?? "", node.name]));
  return (key) => (nodes.has(key) ? key : byId.get(key));
}

/** Reads nodes and connections. What leads nowhere is left out and told. Throws `invalid_input` for what is no workflow. */
export function readGraph(raw: Record<string, unknown>): N8nGraph {
  const notes: string[] = [];
  const nodes = readNodes(raw, notes);
  const nameOf = byNameOrId(nodes);
  const links: Link[] = [];
  const serving = new Map<string, string[]>();
  for (const [key, outputs] of Object.entries(record(raw.connections))) {
    const from = nameOf(key);
    for (const [kind, slots] of Object.entries(record(outputs))) {
      list(slots).forEach((slot, output) => {
        for (const target of records(slot)) {
          const to = nameOf(text(target.node) ?? "");
          if (from === undefined || to === undefined)
            notes.push(`a connection from "${key.slice(0, 100)}" leads nowhere`);
          else if (kind !== "main") serving.set(to, [...(serving.get(to) ?? []), from]);
          else links.push({ from, output, to, input: Math.min(64, Math.max(0, Number(target.index) || 0)) });
          if (links.length > MAX_EDGES) throw invalidField("connections", `a canvas has at most ${MAX_EDGES} edges`);
        }
      });
    }
  }
  return { nodes, links, serving, notes };
}

/** A loop of n8n: the node that it turns around, and what is inside. */
export interface Loop {
  head: string;
  body: Set<string>;
}

/** Groups of nodes that lead to each other, without recursion. */
function strongGroups(names: ReadonlySet<string>, links: readonly Link[]): string[][] {
  const out = new Map<string, string[]>();
  for (const { from, to } of links) if (names.has(from) && names.has(to)) out.set(from, [...(out.get(from) ?? []), to]);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const groups: string[][] = [];
  for (const root of names) {
    if (index.has(root)) continue;
    const stack: { name: string; next: number }[] = [{ name: root, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1) as { name: string; next: number };
      const { name } = top;
      if (top.next === 0) {
        index.set(name, index.size);
        low.set(name, index.get(name) ?? 0);
        open.push(name);
        isOpen.add(name);
      }
      const target = out.get(name)?.[top.next++];
      if (target !== undefined) {
        if (!index.has(target)) stack.push({ name: target, next: 0 });
        else if (isOpen.has(target)) low.set(name, Math.min(low.get(name) ?? 0, index.get(target) ?? 0));
        continue;
      }
      stack.pop();
      const above = stack.at(-1)?.name;
      if (above !== undefined) low.set(above, Math.min(low.get(above) ?? 0, low.get(name) ?? 0));
      if (low.get(name) !== index.get(name)) continue;
      const group: string[] = [];
      for (let one = open.pop(); one !== undefined; one = open.pop()) {
        isOpen.delete(one);
        group.push(one);
        if (one === name) break;
      }
      groups.push(group.reverse());
    }
  }
  return groups;
}

/** The output of a splitInBatches node that leads into its loop; the other one is what comes after. */
export function loopOutput(node: N8nNode): number {
  return node.version >= 3 ? 1 : 0;
}

/**
 * The loops of a level: cycles that a splitInBatches node turns. Throws `invalid_input` naming the nodes of any other cycle,
 * and of one that is entered or left on its way.
 */
export function loopsOf(names: ReadonlySet<string>, graph: N8nGraph): Loop[] {
  const loops: Loop[] = [];
  const inside = graph.links.filter(({ from, to }) => names.has(from) && names.has(to));
  for (const group of strongGroups(names, inside)) {
    const members = new Set(group);
    const isCycle = group.length > 1 || inside.some(({ from, to }) => from === to && members.has(from));
    if (!isCycle) continue;
    const listed = group
      .slice(0, 12)
      .map((name) => `"${name}"`)
      .join(" → ");
    const refuse = (why: string) => invalidField("connections", `the cycle ${listed} ${why}`);
    const heads = group.filter((name) => graph.nodes.get(name)?.type === LOOP);
    const entered = inside.filter(({ from, to }) => !members.has(from) && members.has(to)).map(({ to }) => to);
    const head = heads.find((name) => entered.every((to) => to === name));
    if (head === undefined) throw refuse(heads.length === 0 ? "has no meaning as a loop" : "is entered on its way");
    const output = loopOutput(graph.nodes.get(head) as N8nNode);
    const body = new Set(group.filter((name) => name !== head));
    // What only the loop leads to belongs to a turn as well.
    for (let grown = true; grown; ) {
      grown = false;
      for (const link of inside) {
        const enters = body.has(link.from) || (link.from === head && link.output === output);
        if (!enters || body.has(link.to) || link.to === head) continue;
        const others = inside.filter(
          ({ to, from }) => to === link.to && !body.has(from) && !(from === head && link.output === output),
        );
        if (others.length > 0) throw refuse(`is left on its way to "${link.to}"`);
        body.add(link.to);
        grown = true;
      }
    }
    if (body.size === 0) throw refuse("has nothing in it");
    loops.push({ head, body });
  }
  return loops;
}
