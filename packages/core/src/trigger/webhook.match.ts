import type { WebhookRoute } from "./webhook.schema.ts";

/** The route that a call means, or what it could have meant on this path. */
export type RouteMatch = { params: Record<string, string> } | { allow: string[] };

interface Candidate {
  route: WebhookRoute;
  params: Record<string, string>;
  /** For each part whether it is fixed: what is fixed earlier wins. */
  rank: string;
}

/** Finds the route of a path below the webhook, as it was encoded. Undefined where no route has the path. */
export function matchRoute(routes: readonly WebhookRoute[], method: string, path: string): RouteMatch | undefined {
  const parts = partsOf(path);
  if (!parts) return undefined;
  const found = routes.flatMap((route): Candidate[] => {
    const wanted = route.path === "/" ? [] : route.path.slice(1).split("/");
    if (wanted.length !== parts.length) return [];
    const params: [string, string][] = [];
    let rank = "";
    for (const [at, part] of wanted.entries()) {
      const name = /^\{(.*)\}$/.exec(part)?.[1];
      const value = parts[at] as string;
      if (name === undefined ? part !== value : value === "") return [];
      if (name !== undefined) params.push([name, value]);
      rank += name === undefined ? "a" : "b";
    }
    return [{ route, params: Object.fromEntries(params), rank }];
  });
  if (found.length === 0) return undefined;
  const fitting = found.filter(({ route }) => (route.methods as string[]).includes(method));
  fitting.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const [best] = fitting;
  return best ? { params: best.params } : { allow: [...new Set(found.flatMap(({ route }) => route.methods))] };
}

function partsOf(path: string): string[] | undefined {
  const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  if (trimmed === "" || trimmed === "/") return [];
  try {
    return trimmed.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
