import { type NodeDone, NodeError, type NodeRun } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";

export interface Called {
  // biome-ignore lint/suspicious/noExplicitAny: tests read into outputs of every shape
  output: Record<string, any>;
  port: string | undefined;
}

/** Runs a node type alone with inputs as they are, its configuration parsed as in a canvas. */
export async function call(
  type: string,
  config: object,
  inputs: Record<string, unknown> = {},
  over: Partial<NodeRun> = {},
): Promise<Called> {
  const definition = nodeTypes.get(type);
  if (!definition) throw new Error(`there is no node type ${type}`);
  const run = {
    config: definition.config.parse(config),
    inputs,
    path: "n",
    idempotencyKey: "exe_test:n",
    deps: {},
    signal: new AbortController().signal,
    now: () => Date.UTC(2026, 0, 1),
    arrivals: () => new Map(),
    emitResponse: () => undefined,
    ...over,
  } as unknown as NodeRun;
  const result = await definition.run(run);
  if ("suspend" in result || "blocked" in result) throw new Error("it waits");
  const { output, port } = result as NodeDone;
  return { output, port };
}

/** The code of the NodeError that a node fails with. */
export async function refusal(...given: Parameters<typeof call>): Promise<string> {
  try {
    await call(...given);
  } catch (thrown) {
    if (thrown instanceof NodeError) return thrown.code;
    throw thrown;
  }
  throw new Error("it did not fail");
}
