import type { FieldIssue } from "@weft/kernel/errors";
import type * as z from "zod";
import type { NodeCategory } from "./categories.ts";
import type { CodeOutcome, CodeRequest } from "./code.ts";
import type { IssueCode } from "./compile/issue.ts";
import type { CozeReader } from "./coze/types.ts";
import type { History, Knowledge, Tools } from "./llm/deps.ts";
import type { Models } from "./model.ts";
import type { DeltaKind, Part, PartDone } from "./part.ts";
import type { Field, Plan, PlanGraph, PlanNode } from "./plan.ts";
import type { Answer, ExecutionEventData, NodeErrorData, Turns, Usage } from "./record.ts";

/** Why a node failed. `code` is stable, `message` is for people; both reach the caller and the trace. */
export class NodeError extends Error {
  override readonly name = "NodeError";
  readonly code: string;
  readonly retryable: boolean;
  /** Milliseconds that the other side asked us to wait (`Retry-After`). */
  readonly retryAfterMs: number | undefined;
  readonly details: unknown;
  /** What was metered before it failed. */
  readonly usage: Usage | undefined;

  constructor(
    code: string,
    message: string,
    options: { retryable?: boolean; retryAfterMs?: number; details?: unknown; usage?: Usage; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? true;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
    this.usage = options.usage;
  }
}

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | Uint8Array;
  /** For all of it: redirects and the answer's body too. */
  timeoutMs: number;
  /** Of it, for a connection to each host; ten seconds where nothing is said. */
  connectTimeoutMs?: number;
  /** Of it, from a request that is sent to the head of its answer. */
  firstByteTimeoutMs?: number;
  /** Of the answer's body, decoded. */
  maxBytes: number;
  signal: AbortSignal;
  /** The only hosts that it may reach, at each redirect too (`http/hosts.ts`). Absent: any public one. */
  allowedHosts?: readonly string[];
  /** `manual`: an answer that names another address is the answer. Absent: it is followed. */
  redirect?: "manual";
  /** Headers that are left behind on the way to another origin, beside those that always are. In lower case. */
  secretHeaders?: readonly string[];
}

export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** A variable that outlives executions: of the whole space, or of one workflow. */
export interface SharedVariable {
  scope: "global" | "workflow";
  name: string;
  workflowId?: string;
}

/** A file of the space, whole in memory. */
export interface FileContent {
  bytes: Uint8Array;
  contentType: string;
  /** Of a File: what it is called. */
  name?: string;
}

/** A File, as a value of a workflow. */
export interface FileReference {
  id: string;
  name: string;
  contentType: string;
  size: number;
}

/** A workflow that a node calls, as it is to be run. */
export interface CalledWorkflow {
  workflowId: string;
  version: string | null;
  /** Of a draft: the kept commit. */
  commitId?: string;
  /** What it is called and for, as a model that may call it is told. */
  name?: string;
  description?: string;
  plan: Plan;
}

/**
 * The world as nodes see it. The engine owns this interface; `functions` fill it from core and adapters. A node that needs
 * something which is absent fails with `unavailable`.
 */
export interface NodeDeps {
  http?: { request(request: HttpRequest): Promise<HttpResponse> };
  /** Runs user code apart from everything; `tenant` is filled in by whoever wires it. */
  code?: { run(request: Omit<CodeRequest, "tenant">, signal?: AbortSignal): Promise<CodeOutcome> };
  /** Sends requests with a credential of the space. The secret never comes to a node, nor does an answer that echoes it. */
  credentials?: {
    request(
      credentialId: string,
      request: HttpRequest,
      by: { workflowId?: string; path: string },
    ): Promise<HttpResponse>;
  };
  /** Takes the secrets that this run has used out of what is kept and shown of it. */
  mask?<T>(value: T): T;
  /** Variables of the space and of the workflow that a node stands in (the execution's own where none is named). */
  sharedVariables?: {
    /** Undefined where there is none of that name. */
    get(ref: SharedVariable): Promise<{ value: unknown; isSecret: boolean } | undefined>;
    /** The same key sets it once. */
    set(ref: SharedVariable, value: unknown, idempotencyKey: string): Promise<void>;
  };
  /** User variables of the person the run is for; kept between executions. */
  variables?: {
    get(name: string): Promise<unknown>;
    set(name: string, value: unknown, idempotencyKey: string): Promise<void>;
  };
  /** Loads a referenced workflow's plan, checked for access. Throws NodeError when it may not or cannot be run. */
  workflows?: {
    load(reference: { workflowId: string; version?: string }): Promise<CalledWorkflow>;
    /** Starts a run of its own that nobody waits for. The same key starts it once. */
    start?(
      called: Pick<CalledWorkflow, "workflowId" | "version" | "commitId">,
      input: Record<string, unknown>,
      idempotencyKey: string,
    ): Promise<{ executionId: string }>;
  };
  /** Models of the space and of the platform. */
  models?: Models;
  /** The conversation that the run belongs to; absent where it belongs to none. */
  history?: History;
  /** Tools of plugins. */
  tools?: Tools;
  knowledge?: Knowledge;
  /**
   * Files of the space: the workspace by key, a relative path such as `reports/may.csv`, and Files by id. Keys are
   * checked by whoever fills this.
   */
  files?: {
    /** By key or id. Null where there is none. Throws NodeError `too_large` above `maxBytes`, before reading it. */
    get(key: string, maxBytes: number): Promise<FileContent | null>;
    /** Writes the file, over one that is there. */
    put(key: string, content: FileContent): Promise<void>;
    /** Keeps a File, with a name and no path. The same key keeps one. */
    create?(file: FileContent & { name: string }, idempotencyKey: string): Promise<FileReference>;
    /** A link to a File, which anybody who has it may fetch for a while; null where there is none. */
    link?(fileId: string): Promise<(FileReference & { url: string }) | null>;
  };
}

/** What a webhook answers to its caller. */
export interface WebhookResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** The body is base64 of bytes. */
  isBase64?: true;
}

/** What a node gives back when it is done. */
export interface NodeDone {
  output: Record<string, unknown>;
  /** What it worked on, where that came from a person and not from its inputs: shown in the trace in their place. */
  input?: Record<string, unknown>;
  /** The port it leaves by; absent means the default port. */
  port?: string;
  /** App variables that it set. */
  vars?: Record<string, unknown>;
  /** Loop variables that it set, and whether the enclosing loop goes on. */
  loop?: { set?: Record<string, unknown>; control?: "break" | "continue" };
  /** Metered use, added up per execution: tokens, cost and the like. */
  usage?: Usage;
  /** Of a composite: its turns, all of them over. */
  turns?: Turns;
  /** What is not as it should be and did not keep it from its end: shown in the trace. */
  warning?: NodeErrorData;
}

/** What a node gives back when something outside has to happen first. */
export type NodeSuspend =
  | {
      suspend: "wait";
      until: number;
      state?: unknown;
      /** Set by the runner alone: the node failed and is tried again then. */
      retry?: { attempt: number; used: Record<string, number>; spent?: Usage };
    }
  | { suspend: "signal"; event: ExecutionEventData; state?: unknown }
  | {
      suspend: "child";
      workflowId: string;
      version: string | null;
      commitId?: string;
      input: Record<string, unknown>;
      state?: unknown;
    };

/** Where an inner graph stopped before its end. */
export interface Blocked {
  blocked: true;
  /** Paths that wait for something outside, in topological and iteration order. */
  waiting: string[];
  /** True when time ran out: run the same step again. */
  yielded: boolean;
}

export type NodeResult = NodeDone | NodeSuspend | Blocked;

/** How one turn of a composite's body ended. */
export interface IterationDone {
  outputs: ReadonlyMap<string, unknown>;
  /** Loop variables and app variables after the turn. */
  loopVars: Record<string, unknown>;
  vars: Record<string, unknown>;
  control?: "break" | "continue";
  /** What was metered in the turn. */
  usage?: Usage;
}

/** How a called plan ended that was run as a frame. */
export interface FrameDone {
  output: Record<string, unknown>;
  vars: Record<string, unknown>;
  usage?: Usage;
}

export interface NodeRun<C = unknown> {
  node: PlanNode;
  config: C;
  /** Resolved and converted to their declared types. */
  inputs: Record<string, unknown>;
  /** nodePath: every enclosing iteration and call, then the node's id: `batch.3/loop.7/http`. */
  path: string;
  executionId: string;
  /** `executionId:path`, the same in every repeat. */
  idempotencyKey: string;
  /** The called workflow that the node stands in; absent in the execution's own. */
  workflowId?: string;
  /** Counts from 1. */
  attempt: number;
  signal: AbortSignal;
  now(): number;
  deps: NodeDeps;
  /** What the caller passed to this graph: the start node's material. */
  graphInput: Record<string, unknown>;
  /** App variable as this node sees it. */
  variable(name: string): unknown;
  /** Set when a suspended node is run again: its `state` and what came in, or that its time ran out. */
  resume?: { state: unknown } & Answer;
  /** A message for whoever follows the run (output message node). */
  emitMessage(content: string): void;
  /** A piece of what a model says, for whoever follows the run. A new attempt begins anew. */
  emitDelta(kind: DeltaKind, text: string): void;
  /** The answer for the webhook that began the run, at once for whoever follows it. */
  emitResponse(response: WebhookResponse): void;
  /** By the name of an input that edges lead to (their target handle): whether one of them is live. */
  arrivals(): ReadonlyMap<string, boolean>;
  /** Only in composites. Runs the body once with `locals` visible under the composite's own id. */
  iterate(
    index: number,
    locals: Record<string, unknown>,
    loopVars: Record<string, unknown>,
    vars: Record<string, unknown>,
  ): IterationDone | Blocked | Promise<IterationDone | Blocked>;
  /**
   * Only in composites. What went wrong in a turn that `iterate` threw for, kept in the trace; undefined where the turn did
   * not fail by itself (the run was stopped) and the error must be thrown on.
   */
  tolerate(thrown: unknown): (NodeErrorData & { usage?: Usage }) | undefined;
  /** Only in composites. The stored position of an earlier, unfinished run of this node. */
  cursor(): unknown;
  /**
   * Only in composites. Keeps the position where it is time for it, or always when `force`: `place` is asked only then. What
   * the journal holds of turns before `turn` is forgotten after that, for the position says what they amount to.
   */
  saveCursor(place: () => CompositePlace, turn: number, force: boolean): void | Promise<void>;
  /** Whether time is up for work that may take `ms` more. */
  mustYield(ms?: number): boolean;
  /**
   * Does a part of the node's work once: a repeat is given what it gave. Only where the definition `keeps`. Blocked where
   * the work is, and where time is up before it.
   */
  keep<T>(part: Part, work: () => Promise<PartDone<T> | Blocked>): Promise<PartDone<T> | Blocked>;
  /**
   * Runs another workflow's plan inside this node: a frame of the same run. A node that calls several gives each a name
   * of its own.
   */
  frame(
    plan: Plan,
    input: Record<string, unknown>,
    workflowId: string,
    name?: string,
  ): FrameDone | Blocked | Promise<FrameDone | Blocked>;
  /** Whether the driver runs sub-workflows at this place as executions of their own. */
  childExecutions: boolean;
}

/** A problem that a node type's own rules found; `bad_config` where it has no other code. */
export interface NodeIssue extends FieldIssue {
  code?: IssueCode;
}

/** Where a composite is: what it goes on from, and how far its turns are. */
export interface CompositePlace {
  state: unknown;
  turns: Turns;
}

/** A port that a node can have, told to people: `{n}` in its name stands for a number from 0. */
export interface PortForm {
  name: string;
  description: string;
}

export interface NodeDefinition<C = unknown> {
  /** snake_case: file name, catalogue id and stored form. */
  type: string;
  title: string;
  description: string;
  category: NodeCategory;
  config: z.ZodType<C>;
  /** Whether it touches anything outside the run. A function where the configuration or body decides. */
  effectful: boolean | ((config: C, body: PlanGraph | undefined) => boolean);
  composite?: boolean;
  /** Names of its out-ports beside `branch_error`; default one, `default`. */
  ports?: (config: C) => string[];
  /** What all of them are called and mean, where the configuration decides which there are. */
  portForms?: readonly PortForm[];
  /** Fields that it has whatever the canvas declares. */
  outputs?: (config: C) => Field[];
  /** Missing inputs become the zero value of their type before it runs (Coze's PreFillZero). */
  zeroInputs?: boolean;
  /** Declared outputs that are missing become null (Coze's PostFillNil). */
  nullOutputs?: boolean;
  /** Milliseconds for all tries together where the canvas gives none. */
  timeoutMs?: number;
  /** A canvas may begin with it: it takes in what the caller passes. */
  begins?: boolean;
  /** It may suspend the run. */
  waits?: boolean;
  /** It may set app variables. */
  assigns?: boolean;
  /** Composite types that it must stand directly in. */
  within?: readonly string[];
  /** Names of its own inputs that the configuration speaks of; each must exist. */
  uses?(config: C): string[];
  /** Rules that the schema cannot say. Paths are relative to the configuration. */
  check?(config: C, place: NodePlace): NodeIssue[];
  /** Node types whose services its configuration asks for: it cannot run where one of them is not installed. */
  needs?(config: C): string[];
  /** Of a composite: names that its body may read under its id, beside `index`. */
  locals?(config: C, inputs: readonly string[]): string[];
  /** Of a composite: what it gathers from its body, as `node.path` or its own `id.variable`. */
  collects?(config: C): readonly { name: string; ref: string }[];
  /** Workflows that it calls. */
  calls?(config: C): { workflowId: string; version?: string }[];
  /** Credentials that it uses, by id. */
  credentials?(config: C): string[];
  /** Models that it uses, by id. */
  models?(config: C): string[];
  /** It keeps what it did under its own path: parts of its work, or frames. */
  keeps?: true;
  /** Its inputs may hold a secret variable's value: they go out of the run and not on through it. */
  takesSecrets?: boolean;
  coze?: { id: string; key: string; displayKey: string; read?: CozeReader };
  /** Types of n8n that are imported as this one; `type:operation` where only an operation of the type is. */
  n8n?: readonly string[];
  dify?: readonly string[];
  run(run: NodeRun<C>): NodeResult | Promise<NodeResult>;
}

/** Where a node stands while its canvas is checked. */
export interface NodePlace {
  id: string;
  inputs: readonly string[];
  outputs: readonly Field[];
  /** The composite whose body it is in, with its parsed configuration. */
  parent?: { id: string; type: string; config: unknown };
}

/** Declares a node type. Its file is named like `type`; one line in `nodes/index.ts` makes it known. */
export function defineNode<C>(definition: NodeDefinition<C>): NodeDefinition<C> {
  return definition;
}
