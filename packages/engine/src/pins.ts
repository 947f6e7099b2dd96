import type { FieldIssue } from "@weft/kernel/errors";
import type { NodeDefinition } from "./node.ts";
import { DEFAULT_PORT, ERROR_PORT, type Plan, type PlanNode } from "./plan.ts";
import { planNode } from "./run/alone.ts";

/** What is wrong with pins of a plan, by node id: nodes that it does not have, ports that they do not have. */
export function pinIssues(
  plan: Plan,
  types: ReadonlyMap<string, NodeDefinition>,
  pins: Readonly<Record<string, { port?: string | undefined }>>,
): FieldIssue[] {
  return Object.entries(pins).flatMap(([nodeId, { port = DEFAULT_PORT }]): FieldIssue[] => {
    const node = planNode(plan, nodeId);
    if (!node) return [{ path: nodeId, message: "the workflow has no such node" }];
    const ports = portsOf(node, types.get(node.type));
    if (ports.length === 0 || ports.includes(port)) return [];
    return [{ path: `${nodeId}.port`, message: `the node leaves by ${ports.join(", ")}` }];
  });
}

function portsOf({ config, policy }: PlanNode, definition: NodeDefinition | undefined): string[] {
  const ports = definition?.ports?.(config) ?? [DEFAULT_PORT];
  return policy.onError === "branch" ? [...ports, ERROR_PORT] : ports;
}
