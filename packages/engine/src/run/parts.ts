import type { Blocked } from "../node.ts";
import type { Part, PartDone } from "../part.ts";
import { DEFAULT_PORT, type PlanNode } from "../plan.ts";
import { addUsage, metered, type NodeRecord, type Usage } from "../record.ts";
import { driven, masked, type RunIo } from "./io.ts";
import type { Scope } from "./scope.ts";

/** Milliseconds kept free for a part that is begun after another one, where its node gives it no other time. */
const PART_TIME_MS = 60_000;

/** The parts of one node's work that are done once, each with a record of its own below the node's path. */
export class Parts {
  readonly #prefix: string;
  readonly #node: PlanNode;
  readonly #io: RunIo;
  readonly #usage = new Map<string, Usage>();
  #begun = 0;

  constructor(scope: Scope, node: PlanNode, io: RunIo) {
    this.#prefix = `${scope.prefix}${node.id}/`;
    this.#node = node;
    this.#io = io;
  }

  /** What the parts that are done were metered for, each once however often it was asked for. */
  usage(): Usage {
    const sum: Usage = {};
    for (const usage of this.#usage.values()) addUsage(sum, usage);
    return sum;
  }

  /** {@link NodeRun.keep}. A node that was left behind when its time was up begins nothing more. */
  async keep<T>(
    part: Part,
    signal: AbortSignal,
    work: () => Promise<PartDone<T> | Blocked>,
  ): Promise<PartDone<T> | Blocked> {
    const path = this.#prefix + part.name;
    const stored = this.#io.journal.get(path);
    if (stored) return this.#known<T>(path, stored);
    if (signal.aborted) throw signal.reason;
    // At least one part each time, or a node that is given too little time would never end.
    if (this.#begun > 0 && this.#io.mustYield(this.#node.policy.attemptTimeoutMs ?? PART_TIME_MS)) {
      return { blocked: true, waiting: [], yielded: true };
    }
    this.#begun += 1;
    await driven(() => this.#io.beforeEffect?.(path));
    const startedAt = this.#io.now();
    const done = await work();
    if ("blocked" in done) return done;
    if (done.isLast) {
      this.#usage.set(path, done.usage ?? {});
      return done;
    }
    if (signal.aborted) throw signal.reason;
    const record = await driven(() => this.#io.journal.put(this.#record(part, path, startedAt, done)));
    this.#io.onRecord(record);
    return this.#known<T>(path, record);
  }

  async #known<T>(path: string, record: NodeRecord): Promise<PartDone<T>> {
    const usage = record.usage ?? {};
    if (!record.reused) this.#usage.set(path, usage);
    const value = (record.load ? await driven(record.load) : record.output) as T;
    return { value, ...metered(usage) };
  }

  #record({ name: _name, ...shown }: Part, path: string, startedAt: number, done: PartDone<unknown>): NodeRecord {
    return masked<NodeRecord>(this.#io, {
      path,
      nodeId: this.#node.id,
      ...shown,
      status: "succeeded",
      output: done.value,
      port: DEFAULT_PORT,
      startedAt,
      endedAt: this.#io.now(),
      attempts: 1,
      ...metered({ ...done.usage }),
    });
  }
}
