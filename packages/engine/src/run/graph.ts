import type { Blocked } from "../node.ts";
import { DEFAULT_PORT, type PlanNode } from "../plan.ts";
import { addUsage, type NodeRecord } from "../record.ts";
import { driven, isKind, NodeFailed, type RunIo, RunStopped } from "./io.ts";
import { isBlocked, type NodeOutcome, resumption, runNode } from "./node.ts";
import { timeKeptMs } from "./policy.ts";
import { type Scope, type Settled, SKIPPED, settledOf } from "./scope.ts";

export interface GraphOptions {
  /** Nodes that may run or be taken from the journal; absent means all. */
  within?: ReadonlySet<string>;
  /** Effectful nodes that may run; others without a record stop their branch. Absent means all. */
  effects?: ReadonlySet<string>;
  /** The driver stores what effectful nodes of this graph did, together with what follows from it. */
  deferPut?: boolean;
}

type Blocking = Blocked | undefined;

/**
 * Runs a graph until every node is settled or nothing can go on. Branches run side by side; a node starts when all its
 * in-edges are settled and one is live. What the journal holds is not run again, so running over a full journal replays.
 * Synchronous as long as every node is. Throws the first {@link NodeFailed} or RunStopped, after what was in flight ended.
 */
export function runGraph(scope: Scope, io: RunIo, options: GraphOptions = {}): Blocking | Promise<Blocking> {
  return new GraphRun(scope, io, options).start();
}

class GraphRun {
  readonly #scope: Scope;
  #io: RunIo;
  readonly #options: GraphOptions;
  readonly #remaining = new Map<string, number>();
  readonly #live = new Set<string>();
  readonly #ready: PlanNode[] = [];
  readonly #waiting: string[] = [];
  #abort: AbortController | undefined;
  #inFlight = 0;
  #yielded = false;
  #error: unknown;
  #done: { resolve: (blocked: Blocking) => void; reject: (error: unknown) => void } | undefined;

  constructor(scope: Scope, io: RunIo, options: GraphOptions) {
    this.#scope = scope;
    this.#options = options;
    this.#io = io;
  }

  start(): Blocking | Promise<Blocking> {
    for (const node of this.#scope.graph.nodes) {
      const degree = this.#scope.index.inDegree.get(node.id) ?? 0;
      if (degree === 0) this.#ready.push(node);
      else this.#remaining.set(node.id, degree);
    }
    this.#pump();
    if (this.#inFlight === 0) {
      if (this.#error !== undefined) throw this.#error;
      return this.#result();
    }
    return new Promise((resolve, reject) => {
      this.#done = { resolve, reject };
    });
  }

  #pump(): void {
    for (let head = 0; head < this.#ready.length; head += 1) {
      if (this.#error !== undefined || this.#scope.control) break;
      this.#begin(this.#ready[head] as PlanNode);
    }
    this.#ready.length = 0;
    if (this.#inFlight > 0 || !this.#done) return;
    if (this.#error !== undefined) this.#done.reject(this.#error);
    else this.#done.resolve(this.#result());
  }

  #result(): Blocking {
    if (this.#scope.control) return undefined;
    if (this.#waiting.length === 0 && !this.#yielded) return undefined;
    const rank = new Map(this.#scope.graph.nodes.map((node, index) => [this.#scope.prefix + node.id, index]));
    const of = (path: string): number => rank.get(path) ?? 0;
    return { blocked: true, waiting: this.#waiting.toSorted((a, b) => of(a) - of(b)), yielded: this.#yielded };
  }

  #begin(node: PlanNode): void {
    const { within, effects } = this.#options;
    if (within && !within.has(node.id)) return;
    const path = this.#scope.prefix + node.id;
    const stored = this.#io.journal.get(path);
    if (stored && stored.status !== "waiting") {
      this.#settle(node, settledOf(stored, DEFAULT_PORT), stored);
      return;
    }
    if (node.effectful && effects && !effects.has(node.id)) return;
    try {
      if (stored && !resumption(stored, this.#io)) {
        this.#waiting.push(path);
        return;
      }
      const outcome = node.effectful ? this.#effect(node, stored) : runNode(this.#scope, node, this.#io, stored);
      if (outcome instanceof Promise) this.#follow(node, outcome);
      else this.#finish(node, outcome);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  async #effect(node: PlanNode, stored: NodeRecord | undefined): Promise<NodeOutcome> {
    // A composite keeps its own time; a lane's step is begun with enough of it.
    const keepsTime = node.body !== undefined || (this.#scope.depth === 0 && this.#options.deferPut);
    if (!keepsTime && this.#io.mustYield(timeKeptMs(node.policy))) {
      return { blocked: true, waiting: [], yielded: true };
    }
    const io = this.#abortable();
    await driven(() => io.beforeEffect?.(this.#scope.prefix + node.id));
    if (io.signal.aborted) throw new RunStopped("stopped");
    const outcome = await runNode(this.#scope, node, io, stored);
    if (isBlocked(outcome) || (this.#options.deferPut && outcome.status !== "waiting")) return outcome;
    return driven(() => this.#io.journal.put(outcome));
  }

  #follow(node: PlanNode, outcome: Promise<NodeOutcome>): void {
    this.#inFlight += 1;
    outcome
      .then(
        (value) => this.#finish(node, value),
        (thrown) => this.#fail(thrown),
      )
      .catch((thrown) => this.#fail(thrown))
      .finally(() => {
        this.#inFlight -= 1;
        this.#pump();
      });
  }

  #finish(node: PlanNode, outcome: NodeOutcome): void {
    if (isBlocked(outcome)) {
      this.#waiting.push(...outcome.waiting);
      this.#yielded ||= outcome.yielded;
      return;
    }
    this.#io.onRecord(outcome);
    this.#io.emit({ type: "node_finished", record: outcome });
    if (outcome.status === "waiting") {
      this.#waiting.push(outcome.path);
      return;
    }
    this.#settle(node, settledOf(outcome, DEFAULT_PORT), outcome);
  }

  #settle(node: PlanNode, settled: Settled, record?: NodeRecord): void {
    if (record?.usage && !record.reused) addUsage(this.#scope.usage, record.usage);
    if (record?.loop) {
      Object.assign(this.#scope.loopVars, record.loop.set);
      this.#scope.control ??= record.loop.control;
    }
    const stack: [PlanNode, Settled][] = [[node, settled]];
    for (let top = stack.pop(); top; top = stack.pop()) {
      const [current, state] = top;
      this.#scope.settled.set(current.id, state);
      for (const edge of this.#scope.index.out.get(current.id) ?? []) {
        const target = this.#scope.index.byId.get(edge.to);
        if (!target) continue;
        if (state.status === "succeeded" && edge.port === state.port) this.#live.add(edge.to);
        const left = (this.#remaining.get(edge.to) ?? 1) - 1;
        this.#remaining.set(edge.to, left);
        if (left > 0) continue;
        if (this.#live.has(edge.to)) this.#ready.push(target);
        else stack.push([target, SKIPPED]);
      }
    }
  }

  #fail(thrown: unknown): void {
    if (this.#error !== undefined && !(isKind(thrown, NodeFailed) && !(this.#error instanceof NodeFailed))) return;
    this.#error = thrown ?? new Error("a node threw nothing");
    this.#abort?.abort(new RunStopped("another branch failed"));
  }

  /** Made when the first effect starts: a turn of a loop without effects should not pay for it. */
  #abortable(): RunIo {
    if (!this.#abort) {
      this.#abort = new AbortController();
      this.#io = { ...this.#io, signal: AbortSignal.any([this.#io.signal, this.#abort.signal]) };
    }
    return this.#io;
  }
}
