import { isTrigger } from "./begin.ts";
import type { Link, Loop, N8nGraph } from "./graph.ts";

/** The nodes of a level in the order of its edges, with loops as nodes of their own. */
export function orderOf(names: ReadonlySet<string>, loops: readonly Loop[], links: readonly Link[]): string[] {
  const place = (name: string): string => loops.find(({ body }) => body.has(name))?.head ?? name;
  const waiting = new Map<string, Set<string>>(
    [...names].filter((name) => place(name) === name).map((name) => [name, new Set()]),
  );
  for (const { from, to } of links) {
    const [a, b] = [place(from), place(to)];
    if (a !== b) waiting.get(b)?.add(a);
  }
  const order: string[] = [];
  const ready = [...waiting].filter(([, before]) => before.size === 0).map(([name]) => name);
  while (ready.length > 0) {
    const name = ready.shift() as string;
    order.push(name);
    for (const [other, before] of waiting) {
      if (before.delete(name) && before.size === 0) ready.push(other);
    }
  }
  return order;
}

/** Where a run may begin: the triggers that nothing leads to, else the first node of that kind. */
export function startsOf({ nodes, links }: N8nGraph, flowing: ReadonlySet<string>): string[] {
  const entered = new Set(links.map(({ to }) => to));
  const roots = [...flowing].filter((name) => !entered.has(name));
  const triggers = roots.filter((name) => {
    const node = nodes.get(name);
    return node !== undefined && isTrigger(node.type) && node.raw.disabled !== true;
  });
  return triggers.length > 0 ? triggers : roots.slice(0, 1);
}

/** What a run can come to from where it begins. */
export function reachedFrom(starts: readonly string[], links: readonly Link[]): Set<string> {
  const reached = new Set(starts);
  for (const name of reached) for (const { from, to } of links) if (from === name) reached.add(to);
  return reached;
}
