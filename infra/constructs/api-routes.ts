import type { FunctionSpec } from "../../functions/manifest.ts";

/** One API Gateway resource with ANY: a path, whose function answers, and whether the authorizer stands before it. */
export interface ApiRoute {
  readonly path: string;
  readonly functionName: string;
  readonly anonymous: boolean;
}

const GREEDY = "{proxy+}";

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/"));
const lastOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
const isVariable = (path: string) => lastOf(path).startsWith("{");

/**
 * The resources that the manifest asks for. API Gateway allows one variable child under a resource and counts `{proxy+}`
 * as one, so below a path that has a variable child the proxy moves down into that child.
 */
export function apiRoutes(specs: readonly FunctionSpec[]): ApiRoute[] {
  const routes = new Map<string, ApiRoute>();
  const claim = (path: string, spec: FunctionSpec, anonymous: boolean) => {
    const other = routes.get(path);
    if (other && other.functionName !== spec.name) {
      throw new Error(`${path} is claimed by ${other.functionName} and ${spec.name}`);
    }
    routes.set(path, { path, functionName: spec.name, anonymous });
  };
  for (const spec of specs) {
    for (const path of spec.paths ?? []) claim(path, spec, false);
    for (const path of [...(spec.anonymous ?? []), ...(spec.anonymousBelow ?? [])]) claim(path, spec, true);
  }
  const variables = variableChildren([...routes.keys()]);
  const cover = (path: string, spec: FunctionSpec, anonymous: boolean): void => {
    const child = variables.get(path);
    if (child === undefined) {
      claim(`${path}/${GREEDY}`, spec, anonymous);
      return;
    }
    if (!routes.has(child)) claim(child, spec, anonymous);
    cover(child, spec, anonymous);
  };
  for (const spec of specs) {
    for (const path of spec.paths ?? []) cover(path, spec, false);
    for (const path of spec.anonymousBelow ?? []) cover(path, spec, true);
  }
  return [...routes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The one variable child of each path that has one. */
function variableChildren(paths: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const full of paths) {
    for (let path = full; path !== ""; path = parentOf(path)) {
      if (!isVariable(path)) continue;
      const parent = parentOf(path);
      const other = found.get(parent);
      if (other !== undefined && other !== path)
        throw new Error(`${parent} has two variable children: ${other}, ${path}`);
      found.set(parent, path);
    }
  }
  return found;
}
