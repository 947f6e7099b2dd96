import { type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { nodeTypes } from "@weft/engine/nodes/index";
import { fixture, fixtureNames, hasFixtures } from "./support.ts";

/** What Coze's tests, and the rules behind them, expect of one of its canvases. */
export interface Expected {
  status?: string;
  match?: string;
  output?: Record<string, unknown>;
  rawOutputText?: string;
  answer?: string;
  /** Of all models together. */
  tokens?: { input: number; output: number };
  errorCode?: number;
  errorMessageContains?: string;
  errors?: { type: string; nodeID?: string; path?: { start: string; end: string } }[];
  interrupts?: Interrupt[];
  resume?: Resume[];
  stream?: StreamEvent[];
  nodeOutputs?: Record<string, Record<string, unknown>>;
  variablesAfter?: { global_variable_app?: Record<string, unknown> };
  removedNodes?: string[];
}

export interface Interrupt {
  nodeId?: string;
  eventType?: string;
  pendingEvents?: number;
  data?: { content: string };
  question?: string;
  options?: string[];
}

export interface Resume {
  data: unknown;
  expectedStatus?: string;
  expectedOutput?: Record<string, unknown>;
  expectedAnswer?: string;
  tokens?: { input: number; output: number };
  expectedInterrupt?: Interrupt;
  expectedNodeInput?: Record<string, unknown>;
  nodeOutputs?: Record<string, Record<string, unknown>>;
  stream?: StreamEvent[];
}

export interface StreamEvent {
  event: string;
  data: { content?: string; contentContains?: string };
}

/** What a node's model says, call by call. */
export interface ModelScript {
  node: string;
  modelType?: number;
  delayMs?: number;
  replies: {
    content?: string;
    chunks?: string[];
    error?: string;
    toolCalls?: { id: string; name: string; arguments: string | Record<string, unknown> }[];
    usage?: { prompt: number; completion: number };
    /** What the last message of the call says, as JSON; members that are null may be missing. */
    expectLastMessageJson?: Record<string, unknown>;
  }[];
}

export interface Exchange {
  method: string;
  path: string;
  status: number;
  responseHeaders?: Record<string, string>;
  responseBody: string;
  expectRequest?: { headers: Record<string, string>; query: Record<string, string>; body: unknown };
}

export interface Case {
  name: string;
  kind: "run" | "resume" | "stream" | "node_debug" | "validate" | "api";
  input?: Record<string, unknown>;
  /** Of a node that is debugged: its id, and the lists of its batch mode. */
  node?: string;
  batch?: Record<string, unknown>;
  /** Through which of Coze's APIs it is run; the open ones refuse what cannot be converted. */
  api?: string;
  setup?: {
    http?: Exchange[];
    model?: ModelScript[];
    variables?: { global_variable_app?: Record<string, unknown>; global_variable_user?: Record<string, unknown> };
    subworkflows?: Record<string, string>;
    [other: string]: unknown;
  };
  expected: Expected;
}

export interface Oracle {
  canvas: string;
  cases: Case[];
}

export interface Played {
  oracle: Oracle;
  item: Case;
  /** `canvas: name`. */
  title: string;
}

/** Every case of the fixtures; none where they are not beside the repository. */
export function allCases(): Played[] {
  if (!hasFixtures()) return [];
  const oracles = fixtureNames("coze-oracles").map((name) => fixture(`coze-oracles/${name}`) as Oracle);
  return oracles.flatMap((oracle) =>
    oracle.cases.map((item) => ({ oracle, item, title: `${oracle.canvas}: ${item.name}` })),
  );
}

const split = { method: "split", delimiters: ["。", "，"] };

/** Called workflows that the fixtures know by name and result alone, so that what they do is known. */
const STAND_INS: Readonly<Record<string, unknown>> = {
  "batch/sub_workflow_as_batch.json": {
    nodes: [
      { id: "start", type: "start", data: { outputs: [{ name: "input", type: "string" }] } },
      { id: "split", type: "text", data: { config: split, inputs: [{ name: "String", ref: "start.input" }] } },
      {
        id: "end",
        type: "end",
        data: {
          inputs: [
            { name: "output", ref: "split.output" },
            { name: "input", ref: "start.input" },
          ],
        },
      },
    ],
    edges: [
      { source: "start", target: "split" },
      { source: "split", target: "end" },
    ],
  },
};

/** A canvas as it stands in the fixtures. */
export function canvasAt(path: string): unknown {
  return STAND_INS[path] ?? fixture(`coze-canvases/${path}`);
}

function allNodes(nodes: readonly CanvasNode[]): CanvasNode[] {
  return nodes.flatMap((node) => [node, ...allNodes(node.data.body?.nodes ?? [])]);
}

/** The type of a node, and those that its configuration asks for. */
function neededTypes({ type, data }: CanvasNode): string[] {
  const definition = nodeTypes.get(type);
  const config = definition?.config.safeParse(data.config ?? {});
  return [type, ...(config?.success ? (definition?.needs?.(config.data) ?? []) : [])];
}

/** What cannot be had of an engine alone; by title. */
const OF_THE_DRIVER: ReadonlySet<string> = new Set([
  "entry_exit.json: cancel_immediately",
  "input_receiver.json: cancel_after_interrupt",
  "input_receiver.json: cancel_right_after_resume",
  "input_receiver.json: openapi_sync_run_refused",
]);

/** Why a case cannot be played here; undefined where it can. */
export function hindrance({ oracle, item, title }: Played): string | undefined {
  if (OF_THE_DRIVER.has(title)) return "driver";
  const canvases = [oracle.canvas, ...Object.values(item.setup?.subworkflows ?? {})];
  const nodes = canvases.map((path) => allNodes(readCanvas(canvasAt(path)).nodes));
  const own = item.node === undefined ? nodes[0] : allNodes((nodes[0] ?? []).filter(({ id }) => id === item.node));
  const missing = new Set([...(own ?? []), ...nodes.slice(1).flat()].flatMap(neededTypes));
  for (const type of nodeTypes.keys()) missing.delete(type);
  return missing.size > 0 ? [...missing].sort().join(", ") : undefined;
}
