import { type FieldIssue, invalidInput } from "@weft/kernel/errors";
import type { Canvas, CanvasBody, CanvasEdge, CanvasField, CanvasInput, CanvasNode } from "./canvas.ts";
import { onErrorOf } from "./coze/on-error.ts";
import {
  dig,
  fieldsOf,
  freeName,
  inputParameters,
  listOf,
  numberOf,
  numberOrInput,
  paramsOf,
  pick,
  textOf,
} from "./coze/read.ts";
import { COZE_TYPES, type CozeParts, CozeProblem, type CozeSource } from "./coze/types.ts";
import { COZE_BATCH_SIZE, DEFAULT_CONCURRENCY, MAX_CONCURRENCY, MAX_ISSUES } from "./limits.ts";
import { nodeTypes } from "./nodes/index.ts";
import { isRecord } from "./values/json.ts";

const ID = /^[A-Za-z0-9_-]{1,64}$/;
/** Ports of composites that only say on which side of the body an edge is; ours need no name for that. */
const PLAIN_PORT = /^(loop|batch)-(output|function-inline-output|function-inline-input)$/;

/** Whether a value looks like Coze's canvas rather than ours: its edges name nodes by `sourceNodeID`, its types are numbers. */
export function isCozeCanvas(raw: object): boolean {
  const edge = listOf(raw, "edges").find(isRecord);
  if (edge) return pick(edge, "sourceNodeID") !== undefined && pick(edge, "source") === undefined;
  const node = listOf(raw, "nodes").find(isRecord);
  return node !== undefined && /^\d+$/.test(textOf(node, "type") ?? "");
}

function edgeOf(raw: unknown): CanvasEdge {
  const port = textOf(raw, "sourcePortID") ?? "";
  return {
    source: textOf(raw, "sourceNodeID") ?? "",
    ...(port === "" || PLAIN_PORT.test(port) ? {} : { sourceHandle: port }),
    target: textOf(raw, "targetNodeID") ?? "",
  };
}

/** Of a type without a reader: the whole of its inputs is kept, for the issue that installs it. */
function opaque({ data, inputs }: CozeSource): CozeParts {
  const config: Record<string, unknown> = {};
  if (isRecord(inputs)) {
    for (const key of Object.keys(inputs)) {
      const known = ["inputparameters", "settingonerror", "batch"].includes(key.toLowerCase());
      if (!known) config[key] = inputs[key];
    }
  }
  return { config, inputs: inputParameters(inputs), outputs: fieldsOf(pick(data, "outputs")) };
}

function positionOf(raw: unknown): { position?: { x: number; y: number } } {
  const x = numberOf(raw, "meta", "position", "x");
  const y = numberOf(raw, "meta", "position", "y");
  return x === undefined || y === undefined ? {} : { position: { x, y } };
}

function plainNode(raw: unknown, id: string, type: string, issues: FieldIssue[]): CanvasNode {
  const data = pick(raw, "data");
  const inputs = pick(data, "inputs");
  const label = textOf(data, "nodeMeta", "title");
  const read = nodeTypes.get(type)?.coze?.read ?? opaque;
  const parts = read({ id, data, inputs });
  const onError = onErrorOf(inputs);
  const blocks = listOf(raw, "blocks");
  return {
    id,
    type,
    ...positionOf(raw),
    data: {
      ...(label ? { label: label.slice(0, 200) } : {}),
      config: parts.config,
      ...(parts.inputs?.length ? { inputs: parts.inputs } : {}),
      ...(parts.outputs?.length ? { outputs: parts.outputs } : {}),
      ...(onError ? { onError } : {}),
      ...(blocks.length > 0 ? { body: bodyOf(blocks, listOf(raw, "edges"), issues) } : {}),
    },
  };
}

function batchConfig(batch: unknown, outputs: readonly CanvasField[], innerId: string, inputs: CanvasInput[]) {
  const items = inputs.map((input) => input.name);
  const count = (key: string, name: string) =>
    numberOf(batch, key) ?? numberOrInput(pick(batch, key), freeName(name, inputs), inputs);
  const width = count("concurrentSize", "concurrent_size") || DEFAULT_CONCURRENCY;
  const [list] = outputs;
  return {
    items,
    batchSize: count("batchSize", "batch_size") || COZE_BATCH_SIZE,
    concurrency: typeof width === "number" ? Math.min(width, MAX_CONCURRENCY) : width,
    collect: list ? [{ name: list.name, ref: innerId }] : [],
  };
}

/**
 * Coze runs any node once for each item of a list when its batch mode is on. That is a batch with the node as its body; the
 * batch takes over the id, so that references to the result, and of the node to its item, stay right.
 */
function batched(node: CanvasNode, batch: unknown): CanvasNode {
  const { outputs = [], onError, label, ...inner } = node.data;
  const title = label ? { label } : {};
  const innerId = `${node.id.slice(0, 58)}_inner`;
  const inputs = paramsOf(pick(batch, "inputLists"));
  const config = batchConfig(batch, outputs, innerId, inputs);
  const type = outputs[0]?.type;
  const item = typeof type === "object" ? type.items : undefined;
  const innerOutputs = typeof item === "object" ? (item.fields ?? []) : [];
  return {
    ...node,
    type: "batch",
    data: {
      ...title,
      config,
      inputs,
      outputs,
      ...(onError ? { onError } : {}),
      body: {
        nodes: [{ id: innerId, type: node.type, data: { ...inner, ...title, outputs: innerOutputs } }],
        edges: [
          { source: node.id, target: innerId },
          { source: innerId, target: node.id },
        ],
      },
    },
  };
}

function nodeOf(raw: unknown, index: number, issues: FieldIssue[]): CanvasNode | undefined {
  const id = textOf(raw, "id") ?? "";
  if (!ID.test(id)) {
    issues.push({ path: `nodes.${id || index}.id`, message: "an id is 1 to 64 letters, digits, _ or -" });
    return undefined;
  }
  const word = textOf(raw, "type") ?? "";
  const type = COZE_TYPES.get(word);
  if (type === undefined) {
    issues.push({ path: `nodes.${id}.type`, message: `unknown node type "${word.slice(0, 40)}"` });
    return undefined;
  }
  try {
    const node = plainNode(raw, id, type, issues);
    const batch = dig(raw, "data", "inputs", "batch");
    return pick(batch, "batchEnable") === true ? batched(node, batch) : node;
  } catch (thrown) {
    if (!(thrown instanceof CozeProblem)) throw thrown;
    issues.push({ path: `nodes.${id}.data.${thrown.path}`, message: thrown.message });
    return undefined;
  }
}

function bodyOf(nodes: readonly unknown[], edges: readonly unknown[], issues: FieldIssue[]): CanvasBody {
  const read: CanvasNode[] = [];
  nodes.forEach((raw, index) => {
    const node = issues.length < MAX_ISSUES ? nodeOf(raw, index, issues) : undefined;
    if (node) read.push(node);
  });
  return { nodes: read, edges: edges.map(edgeOf) };
}

/**
 * Coze's canvas JSON as ours. Every node type that Coze knows is read, installed here or not. Throws AppError
 * `invalid_input` naming the nodes that cannot be read. The value must have passed `checkShape`.
 */
export function readCozeCanvas(raw: object): Canvas {
  const nodes = pick(raw, "nodes");
  if (!Array.isArray(nodes)) throw invalidInput([{ path: "nodes", message: "nodes is a list" }]);
  const edges = pick(raw, "edges") ?? [];
  if (!Array.isArray(edges)) throw invalidInput([{ path: "edges", message: "edges is a list" }]);
  const issues: FieldIssue[] = [];
  const canvas = bodyOf(nodes, edges, issues);
  if (issues.length > 0) throw invalidInput(issues);
  return canvas;
}
