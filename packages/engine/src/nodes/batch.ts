import * as z from "zod";
import { fieldsOf, freeName, inputParameters, numberOrInput, pick } from "../coze/read.ts";
import { COZE_BATCH_SIZE, DEFAULT_CONCURRENCY, MAX_CONCURRENCY, MAX_ITERATIONS } from "../limits.ts";
import { type Blocked, defineNode, type IterationDone, type NodeResult, type NodeRun } from "../node.ts";
import { addUsage, metered, type Turns, type Usage } from "../record.ts";
import { isKind, NodeFailed } from "../run/io.ts";
import { setOwn } from "../values/json.ts";
import {
  type Count,
  checkErrorName,
  checkOwn,
  compositeConfig,
  compositeTraits,
  countConfig,
  countOf,
  errorFields,
  type Gathered,
  gather,
  gatheredOf,
  inputsOfCounts,
  itemLists,
  localsOf,
  namesOf,
  readCollect,
  type TurnError,
} from "./collect.ts";

const config = z.strictObject({
  ...compositeConfig,
  /** Items taken at most; all where it is not said. */
  batchSize: countConfig(MAX_ITERATIONS).optional(),
  concurrency: countConfig(MAX_CONCURRENCY).default(DEFAULT_CONCURRENCY),
});
type Config = z.output<typeof config>;

/** What one item gave: the gathered values and the app variables that its turn set. */
interface ItemDone {
  values: unknown[];
  vars: Record<string, unknown>;
  error?: TurnError;
  /** What its turn was metered for. */
  usage?: Usage;
}

/**
 * The stored position: what the first items gave, without gaps, and which later ones failed. Later ones that did not are
 * in their own checkpoints.
 */
interface Cursor {
  done: ItemDone[];
  failed?: ItemDone[];
}

type Outcome = IterationDone | Blocked;

class Batch {
  readonly #run: NodeRun<Config>;
  readonly #lists: [name: string, list: readonly unknown[]][];
  readonly #size: number;
  readonly #concurrency: number;
  readonly #gathered: Gathered[];
  readonly #done: (ItemDone | undefined)[];
  readonly #waiting = new Map<number, string[]>();
  #prefix: number;
  #next: number;
  #started = 0;
  #running = 0;
  #yielded = false;
  #error: { thrown: unknown } | undefined;
  #resolve: ((result: NodeResult | Promise<NodeResult>) => void) | undefined;
  #reject: ((thrown: unknown) => void) | undefined;

  constructor(run: NodeRun<Config>) {
    const { config, inputs } = run;
    this.#run = run;
    this.#lists = itemLists(run, config.items, []);
    const shortest = this.#lists.length === 0 ? 0 : Math.min(...this.#lists.map(([, list]) => list.length));
    // Zero means "as usual" in canvases that come from Coze.
    const limit = config.batchSize === undefined ? MAX_ITERATIONS : countOf(config.batchSize, inputs, MAX_ITERATIONS);
    this.#size = Math.min(shortest, limit || COZE_BATCH_SIZE);
    this.#concurrency = countOf(config.concurrency, inputs, MAX_CONCURRENCY) || DEFAULT_CONCURRENCY;
    this.#gathered = gatheredOf(config.collect);
    const { done = [], failed = [] } = (run.cursor() as Cursor | undefined) ?? {};
    this.#done = [...done];
    this.#prefix = this.#done.length;
    this.#next = this.#prefix;
    for (const item of failed) if (item.error) this.#keep(item.error.index, item);
  }

  start(): NodeResult | Promise<NodeResult> {
    this.#pump();
    if (this.#running === 0) {
      if (this.#error) throw this.#charged(this.#error.thrown);
      return this.#result();
    }
    return new Promise<NodeResult>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  #pump(): void {
    for (; this.#mayStart(); this.#next += 1) if (!this.#done[this.#next]) this.#begin(this.#next);
  }

  /** A turn that waits keeps its place, so that never more than `concurrency` turns are open. */
  #mayStart(): boolean {
    if (this.#error || this.#yielded || this.#next >= this.#size) return false;
    if (this.#running + this.#waiting.size >= this.#concurrency) return false;
    if (this.#run.signal.aborted) {
      this.#error = { thrown: this.#run.signal.reason };
      return false;
    }
    // At least one turn each time, or a batch that is given too little time would never end.
    if (this.#started > 0 && this.#run.mustYield()) this.#yielded = true;
    return !this.#yielded;
  }

  #begin(index: number): void {
    this.#started += 1;
    try {
      const outcome = this.#run.iterate(index, localsOf(this.#run.inputs, this.#lists, index), {}, {});
      if (outcome instanceof Promise) this.#follow(index, outcome);
      else this.#settle(index, outcome);
    } catch (thrown) {
      this.#fail(index, thrown);
    }
  }

  #fail(index: number, thrown: unknown): void {
    const error = this.#run.config.onItemError === "fail" ? undefined : this.#run.tolerate(thrown);
    if (!error) {
      this.#error ??= { thrown };
      return;
    }
    const { code, message, usage = {} } = error;
    const values = this.#gathered.map(() => null);
    this.#keep(index, { values, vars: {}, error: { index, code, message }, ...metered(usage) });
  }

  #keep(index: number, done: ItemDone): void {
    this.#done[index] = done;
    while (this.#done[this.#prefix]) this.#prefix += 1;
  }

  #follow(index: number, outcome: Promise<Outcome>): void {
    this.#running += 1;
    outcome
      .then(
        (value) => this.#settle(index, value),
        (thrown) => this.#fail(index, thrown),
      )
      .then(() => this.#afterOne())
      .catch((thrown) => this.#reject?.(thrown));
  }

  async #afterOne(): Promise<void> {
    this.#running -= 1;
    await this.#save(false);
    this.#pump();
    if (this.#running > 0) return;
    if (this.#error) this.#reject?.(this.#charged(this.#error.thrown));
    else this.#resolve?.(this.#result());
  }

  #settle(index: number, outcome: Outcome): void {
    if ("blocked" in outcome) {
      this.#waiting.set(index, outcome.waiting);
      this.#yielded ||= outcome.yielded;
      return;
    }
    const values = this.#gathered.map((item) => gather(item, outcome.outputs).value);
    this.#keep(index, { values, vars: outcome.vars, ...metered({ ...outcome.usage }) });
  }

  #usage(): Usage {
    const sum: Usage = {};
    for (const item of this.#done) addUsage(sum, item?.usage);
    return sum;
  }

  /** What ends the batch takes with it what the other turns were metered for. */
  #charged(thrown: unknown): unknown {
    if (isKind(thrown, NodeFailed)) addUsage(thrown.usage, this.#usage());
    return thrown;
  }

  #save(force: boolean): void | Promise<void> {
    return this.#run.saveCursor(
      () => ({ state: this.#cursor(), turns: { done: this.#count(), total: this.#size } }),
      this.#prefix,
      force,
    );
  }

  #count(): number {
    return this.#done.reduce((count, item) => (item ? count + 1 : count), 0);
  }

  #cursor(): Cursor {
    const failed = this.#done.slice(this.#prefix).filter((item): item is ItemDone => item?.error !== undefined);
    const done = this.#done.slice(0, this.#prefix) as ItemDone[];
    return failed.length > 0 ? { done, failed } : { done };
  }

  #result(): NodeResult | Promise<NodeResult> {
    if (this.#prefix < this.#size) {
      const waiting = [...this.#waiting].sort(([a], [b]) => a - b).flatMap(([, paths]) => paths);
      const blocked: Blocked = { blocked: true, waiting, yielded: this.#yielded };
      const saved = this.#save(true);
      return saved instanceof Promise ? saved.then(() => blocked) : blocked;
    }
    const output: Record<string, unknown> = {};
    const vars: Record<string, unknown> = {};
    const { onItemError } = this.#run.config;
    const all = this.#done.slice(0, this.#size);
    const kept = onItemError === "remove" ? all.filter((done) => !done?.error) : all;
    this.#gathered.forEach((item, at) => {
      setOwn(
        output,
        item.name,
        kept.map((done) => done?.values[at] ?? null),
      );
    });
    if (onItemError !== "fail") output.errors = all.flatMap((done) => (done?.error ? [done.error] : []));
    for (const done of this.#done) Object.assign(vars, done?.vars);
    const turns: Turns = { done: this.#size, total: this.#size };
    return { output, turns, ...(Object.keys(vars).length > 0 ? { vars } : {}), ...metered(this.#usage()) };
  }
}

export const batch = defineNode({
  type: "batch",
  title: "Batch",
  description:
    "Runs its body for every item of a list, several at once. Its outputs are lists in the order of the items.",
  ...compositeTraits,
  config,
  uses: ({ items = [], batchSize, concurrency }) => [...items, ...inputsOfCounts(batchSize, concurrency)],
  check: (config, { id }) => [...checkOwn(config.collect, id, []), ...checkErrorName(config)],
  locals: (_config, inputs) => [...inputs],
  collects: ({ collect }) => collect,
  outputs: ({ collect, onItemError }) => [
    ...collect.map(({ name }) => ({ name, type: { type: "list" as const } })),
    ...errorFields(onItemError),
  ],
  coze: {
    id: "28",
    key: "Batch",
    displayKey: "Batch",
    read: ({ data, inputs: source }) => {
      const items = inputParameters(source);
      const inputs = [...items];
      const counts = (key: string, name: string, usual: number): Count =>
        numberOrInput(pick(source, key), freeName(name, inputs), inputs) || usual;
      const batchSize = counts("batchSize", "batch_size", COZE_BATCH_SIZE);
      const width = counts("concurrentSize", "concurrent_size", DEFAULT_CONCURRENCY);
      const concurrency = typeof width === "number" ? Math.min(width, MAX_CONCURRENCY) : width;
      return {
        config: { items: namesOf(items), batchSize, concurrency, collect: readCollect(data) },
        inputs,
        outputs: fieldsOf(pick(data, "outputs")),
      };
    },
  },
  dify: ["iteration"],
  run: (run) => new Batch(run).start(),
});
