import { invalidField } from "@weft/kernel/errors";
import type { Canvas, CanvasBody, CanvasEdge, CanvasNode } from "../canvas.ts";
import {
  closePorts,
  edgeOf,
  Ids,
  InputList,
  Notes,
  nodeReport,
  placeholderNode,
  positionOf,
  record,
  records,
  text,
} from "../import/builder.ts";
import { type ImportBindings, type Imported, type ImportReport, type NodeReport, reportOf } from "../import/report.ts";
import { MAX_CONCURRENCY, MAX_ITERATIONS, MAX_NODES } from "../limits.ts";
import { nodeTypes } from "../nodes/index.ts";
import { isRecord } from "../values/json.ts";
import { branchOf } from "./conditions.ts";
import { type DifyNode, MAPPERS, type Mapped, policyOf } from "./nodes.ts";
import { type DifyApp, selectorSource } from "./values.ts";

/** Whether a value looks like an app of Dify. */
export function isDifyApp(raw: object): boolean {
  return (
    isRecord(raw) && isRecord(raw.app) && (raw.kind === "app" || isRecord(raw.workflow) || isRecord(raw.model_config))
  );
}

interface Raw extends DifyNode {
  type: string;
  title: string;
  parent: string | undefined;
  raw: Record<string, unknown>;
}

const REASONS: Readonly<Record<string, string>> = {
  llm: "it needs a model: put a model node of this space in its place",
  agent: "agents of Dify's plugins do not exist here",
  tool: "the tool belongs to a plugin of Dify",
  "knowledge-retrieval": "its knowledge is not here: put one of this space in its place",
  "document-extractor": "texts of documents are not extracted here",
  "parameter-extractor": "it needs a model: put a model node of this space in its place",
  "question-classifier": "it needs a model: put a model node of this space in its place",
};

/** What a placeholder names of the outside world: the model, the tool or the knowledge that it needs. */
function namedIn({ type, data }: Raw): string {
  const { provider, name } = record(data.model);
  if (text(name) !== undefined) return ` (model ${text(provider) ?? "?"}/${text(name)})`;
  if (type === "tool") return ` (${text(data.provider_id) ?? "?"}/${text(data.tool_name) ?? "?"})`;
  if (type === "agent") return ` (${text(data.agent_strategy_provider_name) ?? "?"})`;
  const ids = Array.isArray(data.dataset_ids) ? data.dataset_ids.map(String) : [];
  return ids.length > 0 ? ` (${ids.slice(0, 20).join(", ")})` : "";
}

function rawNodes(graph: Record<string, unknown>): Raw[] {
  const nodes = records(graph.nodes);
  if (nodes.length > MAX_NODES) throw invalidField("workflow.graph.nodes", `a canvas has at most ${MAX_NODES} nodes`);
  return nodes.flatMap((raw, index) => {
    const data = record(raw.data);
    const id = text(raw.id);
    if (id === undefined) throw invalidField(`workflow.graph.nodes.${index}.id`, "a node has an id");
    const parent = text(raw.parentId) ?? text(data.iteration_id) ?? text(data.loop_id);
    return [{ id, data, type: text(data.type) ?? "", title: text(data.title) ?? "", parent, raw }];
  });
}

/** What Dify calls what follows from a failing item, and what it is here. */
const ITEM_ERRORS: Readonly<Record<string, "fail" | "continue" | "remove">> = {
  terminated: "fail",
  "continue-on-error": "continue",
  "remove-abnormal-output": "remove",
};

class Reader {
  readonly #nodes: Raw[];
  readonly #byId: Map<string, Raw>;
  readonly #edges: Record<string, unknown>[];
  readonly #ids = new Ids();
  readonly #ports = new Map<string, ReadonlyMap<string, string>>();
  readonly #app: DifyApp;
  readonly reports: NodeReport[] = [];
  readonly ends: Raw[] = [];

  readonly credentials: ImportReport["credentials"] = [];

  constructor(workflow: Record<string, unknown>, isChat: boolean, credentials: Readonly<Record<string, string>>) {
    const graph = record(workflow.graph);
    this.#nodes = rawNodes(graph);
    this.#byId = new Map(this.#nodes.map((node) => [node.id, node]));
    this.#edges = records(graph.edges);
    const environment = new Map(
      records(workflow.environment_variables).map((item) => [
        text(item.name) ?? "",
        { value: item.value, isSecret: item.value_type === "secret" },
      ]),
    );
    const start = this.#nodes.find((node) => node.type === "start");
    this.#app = {
      idOf: (id) => (id === start?.id ? "start" : this.#ids.of(id)),
      typeOf: (id) => this.#byId.get(id)?.type,
      startId: "start",
      environment,
      conversation: new Map(
        records(workflow.conversation_variables).map(({ name, value }) => [text(name) ?? "", value]),
      ),
      isChat,
      credentials,
    };
  }

  idOf(id: string): string {
    return this.#app.idOf(id);
  }

  #report(node: Raw, to: string, notes: Notes): void {
    const name = node.title || node.type || "note";
    this.reports.push(
      nodeReport({ nodeId: this.idOf(node.id), externalId: node.id, name, from: node.type || "note", to }, notes),
    );
  }

  #placed(node: Raw, mapped: Mapped): CanvasNode {
    const { x, y } = record(node.raw.position);
    const label = node.title === "" ? {} : { label: node.title.slice(0, 200) };
    return { id: this.idOf(node.id), type: mapped.type, ...positionOf(x, y), data: { ...label, ...mapped.data } };
  }

  #blocked(node: Raw, notes: Notes): CanvasNode {
    const handles = new Set(
      this.#edges.filter((edge) => edge.source === node.id).map((edge) => text(edge.sourceHandle) || "source"),
    );
    const ports = new Map(
      [...handles].map((handle) => [handle, handle === "source" ? "default" : handle.slice(0, 64)]),
    );
    this.#ports.set(node.id, ports);
    this.#report(node, "placeholder", notes);
    return placeholderNode(this.idOf(node.id), node.title || node.type, {
      system: "dify",
      type: node.type,
      reason: notes.blocked ?? "",
      ...(ports.size > 0 ? { ports: [...new Set(ports.values())] } : {}),
      original: node.data,
    });
  }

  #node(node: Raw): CanvasNode {
    const notes = new Notes();
    if (node.type === "iteration") return this.#iteration(node, notes);
    if (node.type === "loop") return this.#loop(node, notes);
    const mapper = Object.hasOwn(MAPPERS, node.type) ? MAPPERS[node.type] : undefined;
    const mapped = mapper?.(this.#app, node, notes);
    if (!mapped)
      notes.block(
        Object.hasOwn(REASONS, node.type)
          ? `${REASONS[node.type]}${namedIn(node)}`
          : `nodes of type "${node.type}" are not known here`,
      );
    else if (!nodeTypes.has(mapped.type)) notes.block(`nodes of type "${mapped.type}" are not installed here`);
    if (!mapped || notes.blocked !== undefined) return this.#blocked(node, notes);
    if (node.type === "end") this.ends.push(node);
    if (mapped.ports) this.#ports.set(node.id, mapped.ports);
    const placed = this.#placed(node, mapped);
    if (mapped.type !== "start" && mapped.type !== "comment") Object.assign(placed.data, policyOf(node.data));
    this.credentials.push(...notes.credentials.map((credential) => ({ nodeId: placed.id, ...credential })));
    this.#report(node, mapped.type, notes);
    return placed;
  }

  #iteration(node: Raw, notes: Notes): CanvasNode {
    const { data } = node;
    const concurrency =
      data.is_parallel === true ? Math.min(MAX_CONCURRENCY, Math.max(1, Number(data.parallel_nums) || 10)) : 1;
    const mode = text(data.error_handle_mode) ?? "terminated";
    const onItemError = Object.hasOwn(ITEM_ERRORS, mode) ? ITEM_ERRORS[mode] : "fail";
    const source = selectorSource(this.#app, data.output_selector, notes);
    const output = source.ref ?? "";
    if (output === "" && source.value === undefined) notes.block("its output is computed of another composite's");
    const body = this.#level(node);
    const id = this.idOf(node.id);
    if (body.nodes.length === 0) notes.block("the iteration has no nodes");
    if (notes.blocked !== undefined) return this.#blocked(node, notes);
    closePorts(body, portsOf, id);
    this.#report(node, "batch", notes);
    const config = {
      items: ["item"],
      concurrency,
      collect: output === "" ? [] : [{ name: "output", ref: output }],
      onItemError,
    };
    const inputs = [
      { name: "item", type: "list" as const, ...selectorSource(this.#app, data.iterator_selector, notes) },
    ];
    return this.#placed(node, { type: "batch", data: { config, inputs, body } });
  }

  /** A loop of a number of rounds, which its conditions or a node in it end. */
  #loop(node: Raw, notes: Notes): CanvasNode {
    const { data } = node;
    const id = this.idOf(node.id);
    const variables = records(data.loop_variables).map((variable) => ({
      name: text(variable.label) || "value",
      source:
        variable.value_type === "variable"
          ? selectorSource(this.#app, variable.value, notes)
          : { value: variable.value ?? null },
    }));
    const names = variables.map(({ name }) => name);
    const body = this.#level(node);
    if (body.nodes.length === 0) notes.block("the loop has no nodes");
    if (notes.blocked !== undefined) return this.#blocked(node, notes);
    const conditions = records(data.break_conditions);
    if (conditions.length === 0) closePorts(body, portsOf, id);
    else {
      const [check, end] = [this.#ids.fresh(`${id}_check`), this.#ids.fresh(`${id}_end`)];
      closePorts(body, portsOf, check);
      const inputs = new InputList();
      const branch = branchOf(this.#app, { conditions, logical_operator: data.logical_operator }, inputs, notes);
      body.nodes.push({ id: check, type: "selector", data: { config: { branches: [branch] }, inputs: inputs.list } });
      body.nodes.push({ id: end, type: "break", data: {} });
      body.edges.push(edgeOf(check, end, "true"), edgeOf(check, id, "false"));
      if (conditions.some(({ variable_selector: selector }) => Array.isArray(selector) && selector[0] === node.id))
        notes.change("its conditions are looked at after each round, not before the first as well");
    }
    const count = Math.min(MAX_ITERATIONS, Math.max(0, Math.trunc(Number(data.loop_count) || 0)));
    const collect = names.map((name) => ({ name, ref: `${id}.${name}` }));
    const inputs = variables.map(({ name, source }) => ({ name, ...source }));
    this.#report(node, "loop", notes);
    return this.#placed(node, {
      type: "loop",
      data: { config: { mode: "count", count, variables: names, collect }, inputs, body },
    });
  }

  #isStart(id: unknown): boolean {
    return /^(custom-)?(iteration|loop)-start$/.test(this.#byId.get(String(id))?.type ?? "");
  }

  #edge(edge: Record<string, unknown>, owner: Raw | undefined): CanvasEdge[] {
    const source = this.#byId.get(text(edge.source) ?? "");
    const target = this.#byId.get(text(edge.target) ?? "");
    if (!source || !target || target.parent !== owner?.id || source.parent !== owner?.id) return [];
    if (this.#isStart(source.id)) return owner ? [edgeOf(this.idOf(owner.id), this.idOf(target.id))] : [];
    const handle = text(edge.sourceHandle) || "source";
    const port = handle === "fail-branch" ? "branch_error" : (this.#ports.get(source.id)?.get(handle) ?? "default");
    return [edgeOf(this.idOf(source.id), this.idOf(target.id), port)];
  }

  /** The nodes of the app, or of an iteration's body, with their edges. */
  #level(owner: Raw | undefined): CanvasBody {
    const mine = this.#nodes.filter((node) => {
      const parent = node.parent !== undefined && this.#byId.has(node.parent) ? node.parent : undefined;
      node.parent = parent;
      return parent === owner?.id && !this.#isStart(node.id);
    });
    const nodes = mine.map((node) => this.#node(node));
    const edges = this.#edges.flatMap((edge) => this.#edge(edge, owner));
    const entry = text(owner?.data.start_node_id);
    if (owner && entry !== undefined && this.#byId.get(entry)?.parent === owner.id && !this.#isStart(entry)) {
      edges.push(edgeOf(this.idOf(owner.id), this.idOf(entry)));
    }
    return { nodes, edges };
  }

  canvas(): Canvas {
    const body = this.#level(undefined);
    if (!body.nodes.some((node) => node.type === "start")) {
      body.nodes.unshift({ id: "start", type: "start", data: { outputs: [{ name: "query", type: "string" }] } });
    }
    body.nodes.push({ id: "end", type: "end", data: { inputs: this.#results(body) } });
    closePorts(body, portsOf, "end");
    return body;
  }

  /** One end for all of Dify's ends, or for its answers: each value of those that were reached. */
  #results(body: CanvasBody): NonNullable<CanvasNode["data"]["inputs"]> {
    const answers = body.nodes.filter((node) => node.type === "output_message").map(({ id }) => id);
    if (this.ends.length === 0 && answers.length > 0) {
      const inputs = answers.map((id, at) => ({ name: `a${at}`, ref: `${id}.output` }));
      const names = inputs.map(({ name }) => name).join(", ");
      return [
        { name: "answer", type: "string", expression: { text: `$join([${names}][$type($) = "string"], "")`, inputs } },
      ];
    }
    const sources = new Map<string, string[]>();
    for (const end of this.ends) {
      for (const { variable } of records(end.data.outputs)) {
        const name = text(variable) || "value";
        sources.set(name, [...(sources.get(name) ?? []), `${this.idOf(end.id)}.${name}`]);
      }
    }
    return [...sources].map(([name, refs]) => {
      if (refs.length === 1) return { name, ref: refs[0] as string };
      const inputs = refs.map((ref, at) => ({ name: `v${at}`, ref }));
      return {
        name,
        expression: {
          text: `$filter([${inputs.map((input) => `{"v": ${input.name}}`).join(", ")}], function($x){$x.v != null})[0].v`,
          inputs,
        },
      };
    });
  }
}

function portsOf(node: CanvasNode): readonly string[] {
  const definition = nodeTypes.get(node.type);
  const parsed = definition?.config.safeParse(node.data.config ?? {});
  const ports = definition?.ports && parsed?.success ? definition.ports(parsed.data) : ["default"];
  return node.data.onError?.strategy === "branch" ? [...ports, "branch_error"] : ports;
}

/** What concerns the app as a whole. */
function notesOf(workflow: Record<string, unknown>): string[] {
  const notes: string[] = [];
  if (records(workflow.conversation_variables).length > 0)
    notes.push("conversation variables begin with their values in each execution");
  if (record(record(workflow.features).file_upload).enabled === true)
    notes.push("files come in as Files of the space: {id, name, contentType, size}");
  return notes;
}

/** An app of Dify as a canvas and a report. Throws `invalid_input` for what is no workflow. */
export function readDifyApp(raw: Record<string, unknown>, bindings: Partial<ImportBindings> = {}): Imported {
  const app = record(raw.app);
  const name = text(app.name);
  const description = text(app.description);
  if (!isRecord(raw.workflow)) {
    throw invalidField("workflow", `an app of mode "${text(app.mode) ?? "?"}" has no workflow that could be imported`);
  }
  const isChat = app.mode === "advanced-chat";
  const reader = new Reader(raw.workflow, isChat, bindings.credentials ?? {});
  const canvas = reader.canvas();
  return {
    ...(name ? { name } : {}),
    ...(description ? { description } : {}),
    isChat,
    canvas,
    report: reportOf("dify", reader.reports, { credentials: reader.credentials, notes: notesOf(raw.workflow) }),
  };
}
