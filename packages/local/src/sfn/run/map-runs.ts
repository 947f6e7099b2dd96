import { runtimeFailure, StateFailure } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Write } from "../store/store.ts";
import { type BatchPlan, type ChildInput, childInputs } from "./batches.ts";
import type { Execution } from "./execution.ts";
import type { Host } from "./host.ts";
import { type ReaderPlan, readItems } from "./item-reader.ts";
import { type MapRunOutcome, mapRunEnded, thresholdFailure } from "./map-distributed.ts";
import type { Tolerance } from "./map-fields.ts";
import { selectItem } from "./map-inline.ts";
import { BUCKETS, type ChildResult, type Flow, itemBucket, numberKey, resultBucket } from "./records.ts";
import { type WriterPlan, writeResults } from "./result-writer.ts";

export interface MapRunRecord {
  arn: string;
  label: string;
  executionArn: string;
  flow: number;
  machineArn: string;
  definitionId: string;
  scope: string;
  isExpress: boolean;
  roleArn: string;
  concurrency: number;
  tolerance: Tolerance;
  items?: Json[];
  reader?: ReaderPlan;
  batches?: BatchPlan;
  writer?: WriterPlan;
  /** Set when the inputs of the children are stored. */
  total?: number;
  status: "RUNNING" | "SUCCEEDED" | "FAILED" | "ABORTED";
  startMs: number;
  stopMs?: number;
  redriveCount: number;
}

interface Run {
  record: MapRunRecord;
  execution: Execution;
  flow: Flow;
  inputs: ChildInput[];
  results: Map<number, ChildResult>;
  /** Children still to start, the next one last. */
  pending: number[];
  running: number;
  failedItems: number;
  itemCount: number;
  phase: "opening" | "running" | "over";
}

/** Inputs stored together in one entry. */
const INPUTS_PER_ENTRY = 200;
/** Children at once when the state sets no limit; AWS allows 10,000. */
const DEFAULT_CONCURRENCY = 1_000;

/** The runs of distributed Map states: dispatch of children, tolerated failures, results. */
export class MapRuns {
  readonly #host: Host;
  readonly #runs = new Map<string, Run>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Starts a run, or goes on with one after a restart or a redrive. */
  begin(record: MapRunRecord, execution: Execution, flow: Flow): void {
    const run: Run = {
      ...{ record, execution, flow },
      inputs: [],
      results: new Map(),
      pending: [],
      running: 0,
      failedItems: 0,
      itemCount: 0,
      phase: "opening",
    };
    this.#runs.set(record.arn, run);
    this.#guard(run, this.#open(run));
  }

  /** Work of a run under way; what goes wrong in it fails the run. */
  #guard(run: Run, work: Promise<void>): void {
    this.#host.busy(1);
    work
      .catch((error: unknown) => {
        const failure = error instanceof StateFailure ? error : runtimeFailure((error as Error).message);
        run.phase = "over";
        return this.#settle(run, { failure });
      })
      // The store itself fails: the next start takes the run up again.
      .catch(() => undefined)
      .finally(() => this.#host.busy(-1));
  }

  async #open(run: Run): Promise<void> {
    const { record } = run;
    run.inputs = record.total === undefined ? await this.#prepare(run) : await this.#inputs(record.arn);
    const stored = await this.#host.store.list(resultBucket(record.arn));
    // Children that end while the results are read are counted by childEnded.
    for (const [key, value] of stored) run.results.set(Number(key), JSON.parse(value) as ChildResult);
    const live = this.#host.liveChildren(record.arn);
    for (let i = run.inputs.length - 1; i >= 0; i--) if (!run.results.has(i) && !live.has(i)) run.pending.push(i);
    run.running = live.size;
    run.itemCount = run.inputs.reduce((sum, input) => sum + input.items, 0);
    for (const [index, { status }] of run.results)
      if (status !== "SUCCEEDED") run.failedItems += run.inputs[index]!.items;
    run.phase = "running";
    await this.#advance(run);
  }

  async #prepare({ record, execution, flow }: Run): Promise<ChildInput[]> {
    const node = execution.nodeOf(flow);
    const items = record.items ?? (await readItems(this.#host.environment, record.reader!));
    const selected: Json[] = [];
    for (const [index, value] of items.entries())
      selected.push(await selectItem(execution, flow, node, { index, value }));
    const inputs = childInputs(selected, record.batches);
    record.total = inputs.length;
    const { items: _stored, ...slim } = record;
    const writes: Write[] = [{ bucket: BUCKETS.mapRuns, key: record.arn, value: JSON.stringify(slim) }];
    for (let i = 0; i < inputs.length; i += INPUTS_PER_ENTRY) {
      const value = JSON.stringify(inputs.slice(i, i + INPUTS_PER_ENTRY));
      writes.push({ bucket: itemBucket(record.arn), key: numberKey(i), value });
    }
    await this.#host.store.commit(writes);
    return inputs;
  }

  async #inputs(arn: string): Promise<ChildInput[]> {
    const entries = await this.#host.store.list(itemBucket(arn));
    return entries.flatMap(([, value]) => JSON.parse(value) as ChildInput[]);
  }

  /** Starts what may run now, or ends the run. */
  async #advance(run: Run): Promise<void> {
    if (run.phase === "over") return;
    if (this.#isExceeded(run)) return this.#finish(run, true);
    if (run.pending.length === 0 && run.running === 0) return this.#finish(run, false);
    const limit = run.record.concurrency === 0 ? DEFAULT_CONCURRENCY : run.record.concurrency;
    while (run.pending.length > 0 && run.running < limit) {
      const index = run.pending.pop()!;
      run.running++;
      this.#guard(run, this.#host.startMapChild(run.record, index, run.inputs[index]!.text));
    }
  }

  #isExceeded(run: Run): boolean {
    const { count, percentage } = run.record.tolerance;
    if (run.failedItems === 0) return false;
    if (count === undefined && percentage === undefined) return true;
    if (count !== undefined && run.failedItems > count) return true;
    return percentage !== undefined && (run.failedItems / run.itemCount) * 100 > percentage;
  }

  /** An execution of the run has ended; its result is durable. */
  childEnded(arn: string, index: number, result: ChildResult): void {
    const run = this.#runs.get(arn);
    if (!run || run.phase === "over") return;
    run.results.set(index, result);
    if (run.phase === "opening") return;
    run.running--;
    if (result.status !== "SUCCEEDED") run.failedItems += run.inputs[index]!.items;
    this.#guard(run, this.#advance(run));
  }

  async #finish(run: Run, isExceeded: boolean): Promise<void> {
    run.phase = "over";
    if (isExceeded) await this.#stopChildren(run.record.arn);
    const results = await this.#resultsOf(run);
    const inputs = results.map(([index]) => run.inputs[index]!.text);
    let outcome: MapRunOutcome;
    try {
      const result = await writeResults(
        this.#host.environment,
        run.record,
        results.map(([, r]) => r),
        inputs,
      );
      outcome = isExceeded ? { failure: thresholdFailure() } : { result };
    } catch (error) {
      outcome = { failure: error instanceof StateFailure ? error : runtimeFailure((error as Error).message) };
    }
    await this.#settle(run, outcome);
  }

  async #resultsOf(run: Run): Promise<[number, ChildResult][]> {
    const stored = await this.#host.store.list(resultBucket(run.record.arn));
    return stored.map(([key, value]) => [Number(key), JSON.parse(value) as ChildResult]);
  }

  async #settle({ record, execution, flow }: Run, outcome: MapRunOutcome): Promise<void> {
    await this.#save(record, "failure" in outcome ? "FAILED" : "SUCCEEDED");
    this.#runs.delete(record.arn);
    execution.send(() => {
      const isWaiting = flow.block?.kind === "mapRun" && flow.block.arn === record.arn;
      if (isWaiting && execution.isCurrent(flow, flow.generation)) return mapRunEnded(execution, flow, outcome);
    });
  }

  async #save(record: MapRunRecord, status: MapRunRecord["status"]): Promise<void> {
    record.status = status;
    record.stopMs = this.#host.clock.now();
    const { items: _stored, ...slim } = record;
    await this.#host.store.commit([{ bucket: BUCKETS.mapRuns, key: record.arn, value: JSON.stringify(slim) }]);
  }

  async #stopChildren(arn: string): Promise<void> {
    const live = [...this.#host.liveChildren(arn).values()];
    await Promise.all(
      live.map((child) =>
        child.post(() => (child.isRunning ? child.finish("ABORTED", "ExecutionAborted", {}) : undefined)),
      ),
    );
  }

  /** The state that waits for the run is no longer there. */
  abort(arn: string): void {
    const run = this.#runs.get(arn);
    if (!run) return;
    run.phase = "over";
    this.#runs.delete(arn);
    this.#guard(
      run,
      this.#stopChildren(arn).then(() => this.#save(run.record, "ABORTED")),
    );
  }

  /** Runs what failed in a run again. */
  redrive(arn: string, execution: Execution, flow: Flow): void {
    this.#host.busy(1);
    this.#reopen(arn)
      .then((record) => this.begin(record, execution, flow))
      .catch(() => undefined)
      .finally(() => this.#host.busy(-1));
  }

  async #reopen(arn: string): Promise<MapRunRecord> {
    const text = (await this.#host.store.get(BUCKETS.mapRuns, arn))!;
    const { stopMs: _stop, ...rest } = JSON.parse(text) as MapRunRecord;
    const record: MapRunRecord = { ...rest, status: "RUNNING", redriveCount: rest.redriveCount + 1 };
    const failed = (await this.#host.store.list(resultBucket(arn)))
      .map(([key, value]) => ({ key, result: JSON.parse(value) as ChildResult }))
      .filter(({ result }) => result.status !== "SUCCEEDED");
    const writes: Write[] = failed.map(({ key }) => ({ bucket: resultBucket(arn), key }));
    writes.push({ bucket: BUCKETS.mapRuns, key: arn, value: JSON.stringify(record) });
    await this.#host.store.commit(writes);
    if (!record.isExpress) for (const { result } of failed) await this.#host.redriveChild(result.arn);
    return record;
  }

  close(): void {
    for (const run of this.#runs.values()) run.phase = "over";
    this.#runs.clear();
  }
}
