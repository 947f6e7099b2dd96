import type { Canvas, CanvasEdge, CanvasField, CanvasInput, CanvasNode, CanvasOnError } from "@weft/engine/canvas";

/** Short forms of canvas parts for tests. */

export function start(...outputs: CanvasField[]): CanvasNode {
  return { id: "start", type: "start", data: { outputs } };
}

export const text = (name: string): CanvasField => ({ name, type: "string" });

export function ref(name: string, path: string): CanvasInput {
  return { name, ref: path };
}

export function node(
  id: string,
  type: string,
  config: object,
  inputs: CanvasInput[] = [],
  more: object = {},
): CanvasNode {
  return { id, type, data: { config: config as Record<string, unknown>, inputs, ...more } };
}

export interface CallOptions {
  delay?: number;
  onError?: CanvasOnError;
  /** The outside step, where it is not the node's id. */
  step?: string;
}

/** A node that asks the outside server, with the given references joined by commas as its body. */
export function call(url: string, id: string, refs: readonly string[], options: CallOptions = {}): CanvasNode {
  const names = refs.map((_ref, index) => `v${index}`);
  const config = {
    method: "POST",
    url: `${url}/${options.step ?? id}?delay=${options.delay ?? 0}`,
    body: { type: "raw", template: names.map((name) => `{{${name}}}`).join(",") },
  };
  const inputs = refs.map((path, index) => ref(names[index] as string, path));
  return node(id, "http_request", config, inputs, options.onError ? { onError: options.onError } : {});
}

export function end(outputs: Record<string, string>): CanvasNode {
  return node(
    "end",
    "end",
    {},
    Object.entries(outputs).map(([name, path]) => ref(name, path)),
  );
}

/** `a>b` or `a:port>b`, any number of them in one text. */
export function edges(text: string): CanvasEdge[] {
  return text
    .trim()
    .split(/\s+/)
    .flatMap((chain) => {
      const parts = chain.split(">");
      return parts.slice(1).map((target, index) => {
        const [source = "", sourceHandle] = (parts[index] as string).split(":");
        return { source, target: target.split(":")[0] as string, ...(sourceHandle ? { sourceHandle } : {}) };
      });
    });
}

export function canvas(nodes: CanvasNode[], links: string): Canvas {
  return { nodes, edges: edges(links) };
}
