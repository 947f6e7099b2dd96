import type { ApiMethod } from "./model.ts";

export interface Match {
  method: ApiMethod;
  /** As they stand in the path, percent-encoded, as API Gateway passes them on. */
  pathParameters: Record<string, string>;
}

interface Level {
  fixed: Map<string, Level>;
  parameter: { name: string; level: Level } | undefined;
  greedy: { name: string; methods: Map<string, ApiMethod> } | undefined;
  methods: Map<string, ApiMethod>;
}

/**
 * Finds the method of a path as API Gateway does: at each level a fixed part wins over `{name}`, which wins over
 * `{name+}`; a branch that does not lead to a resource is given up for the next.
 */
export class Router {
  readonly #root: Level = newLevel();

  constructor(methods: readonly ApiMethod[]) {
    for (const method of methods) this.#add(method);
  }

  /** The method for a raw path; undefined when there is no such resource or it does not have the method. */
  match(httpMethod: string, path: string): Match | undefined {
    const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
    const parts = trimmed === "/" ? [] : trimmed.slice(1).split("/");
    const found = walk(this.#root, parts, 0, {});
    const method = found?.methods.get(httpMethod) ?? found?.methods.get("ANY");
    return found && method ? { method, pathParameters: found.parameters } : undefined;
  }

  #add(method: ApiMethod): void {
    let level = this.#root;
    for (const part of method.path === "/" ? [] : method.path.slice(1).split("/")) {
      const name = /^\{(.+)\}$/.exec(part)?.[1];
      if (name?.endsWith("+")) {
        level.greedy ??= { name: name.slice(0, -1), methods: new Map() };
        level.greedy.methods.set(method.httpMethod, method);
        return;
      }
      level = name === undefined ? fixedChild(level, part) : parameterChild(level, name);
    }
    level.methods.set(method.httpMethod, method);
  }
}

interface Found {
  methods: Map<string, ApiMethod>;
  parameters: Record<string, string>;
}

function walk(
  level: Level,
  parts: readonly string[],
  at: number,
  parameters: Record<string, string>,
): Found | undefined {
  const part = parts[at];
  if (part === undefined) return level.methods.size > 0 ? { methods: level.methods, parameters } : undefined;
  const fixed = level.fixed.get(part);
  const byFixed = fixed && walk(fixed, parts, at + 1, parameters);
  if (byFixed) return byFixed;
  if (part !== "" && level.parameter) {
    const { name, level: next } = level.parameter;
    const byName = walk(next, parts, at + 1, { ...parameters, [name]: part });
    if (byName) return byName;
  }
  if (!level.greedy || part === "") return undefined;
  return {
    methods: level.greedy.methods,
    parameters: { ...parameters, [level.greedy.name]: parts.slice(at).join("/") },
  };
}

function newLevel(): Level {
  return { fixed: new Map(), parameter: undefined, greedy: undefined, methods: new Map() };
}

function fixedChild(level: Level, part: string): Level {
  const child = level.fixed.get(part) ?? newLevel();
  level.fixed.set(part, child);
  return child;
}

function parameterChild(level: Level, name: string): Level {
  level.parameter ??= { name, level: newLevel() };
  return level.parameter.level;
}
