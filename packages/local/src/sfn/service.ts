import { randomUUID } from "node:crypto";
import { realTimerClock, type TimerClock } from "./clock.ts";
import type { SfnEnvironment } from "./environment.ts";
import { ServiceError, SfnError } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";
import { type MachineRecord, Machines } from "./machines.ts";
import type { SfnOptions } from "./options.ts";
import { Activities } from "./run/activities.ts";
import { Execution } from "./run/execution.ts";
import type { ChildStart, Host } from "./run/host.ts";
import { type MapRunRecord, MapRuns } from "./run/map-runs.ts";
import {
  BUCKETS,
  type ChildResult,
  type ExecutionRecord,
  executionsBucket,
  type Flow,
  flowBucket,
  historyBucket,
  numberKey,
} from "./run/records.ts";
import { recover } from "./run/recovery.ts";
import { redrive, reopen, requireRedrivable } from "./run/redrive.ts";
import { runFlow } from "./run/steps.ts";
import { nestedEnded } from "./run/work.ts";
import { statusChange } from "./status-change.ts";
import { MemoryStore } from "./store/memory-store.ts";
import type { SfnStore } from "./store/store.ts";

/** Key of an execution in the list of its owner: by start, then by name. */
const listKey = (record: ExecutionRecord): string => `${numberKey(record.startMs)}:${record.arn}`;

/** Runs state machines: keeps their executions, and what those need from each other. */
export class SfnService implements Host {
  readonly clock: TimerClock;
  readonly environment: SfnEnvironment;
  readonly store: SfnStore;
  readonly random: () => number;
  readonly region: string;
  readonly accountId: string;
  readonly machines: Machines;
  readonly activities: Activities;
  readonly mapRuns: MapRuns;

  /** State transitions since the start, retries included. */
  transitions = 0;
  /** Executions started since the start. */
  started = 0;

  readonly #live = new Map<string, Execution>();
  readonly #starting = new Map<string, Promise<unknown>>();
  readonly #ends = new Map<string, ((record: ExecutionRecord) => void)[]>();
  #busy = 0;
  #isClosed = false;
  #api: ((action: string, parameters: JsonObject) => Promise<Json>) | undefined;

  constructor(options: SfnOptions) {
    this.clock = options.clock ?? realTimerClock;
    this.environment = options.environment;
    this.store = options.store ?? new MemoryStore();
    this.random = options.random ?? Math.random;
    this.region = options.region ?? "us-east-1";
    this.accountId = options.accountId ?? "000000000000";
    this.machines = new Machines(this.store, new Set(Object.keys(options.environment.integrations ?? {})));
    this.activities = new Activities(this.clock);
    this.mapRuns = new MapRuns(this);
  }

  /** Loads what is stored and takes up every execution that was running. */
  async open(): Promise<void> {
    await this.machines.load();
    for (const [arn, text] of await this.store.list(BUCKETS.activities)) {
      const { name, createdMs } = JSON.parse(text) as { name: string; createdMs: number };
      this.activities.add(arn, name, createdMs);
    }
    const running = await this.store.list(BUCKETS.running);
    for (const [arn, kept] of running) await this.#restore(arn, kept);
    for (const execution of [...this.#live.values()]) {
      const goOn = execution.post(() => {
        execution.armTimeout(() => this.#timeOut(execution));
        return execution.flows.size === 0 ? this.#begin(execution) : recover(execution);
      });
      goOn.catch((error: unknown) => execution.send(() => endBroken(execution, error)));
    }
  }

  async #restore(arn: string, kept: string): Promise<void> {
    const text = kept === "" ? await this.store.get(BUCKETS.executions, arn) : kept;
    if (text === undefined) return;
    const record = JSON.parse(text) as ExecutionRecord;
    const restored = record.isExpress ? { flows: [], lastEvent: 0 } : await this.#stored(arn);
    const machine = await this.machines.build(record.definitionId);
    this.#live.set(arn, new Execution(this, record, machine, restored));
  }

  async #stored(arn: string): Promise<{ flows: Flow[]; lastEvent: number }> {
    const flows = (await this.store.list(flowBucket(arn))).map(([, value]) => JSON.parse(value) as Flow);
    const [last] = await this.store.list(historyBucket(arn), { reverse: true, limit: 1 });
    return { flows, lastEvent: last ? Number(last[0]) : 0 };
  }

  /** Stops all work; what is stored is taken up by the next open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.mapRuns.close();
    this.activities.close();
    for (const execution of this.#live.values()) execution.halt();
    this.#live.clear();
    await this.store.close();
  }

  /** False when no execution has anything to do before a timer fires or something outside answers. */
  get isBusy(): boolean {
    return this.#busy > 0;
  }

  busy(change: 1 | -1): void {
    this.#busy += change;
  }

  live(arn: string): Execution | undefined {
    return this.#live.get(arn);
  }

  async findExecution(arn: string): Promise<ExecutionRecord | undefined> {
    const live = this.#live.get(arn);
    if (live) return live.record;
    const text = await this.store.get(BUCKETS.executions, arn);
    return text === undefined ? undefined : (JSON.parse(text) as ExecutionRecord);
  }

  executionArn(machine: MachineRecord, name: string): string {
    if (machine.type === "STANDARD") return machine.arn.replace(":stateMachine:", ":execution:").concat(":", name);
    return machine.arn.replace(":stateMachine:", ":express:").concat(":", name, ":", randomUUID());
  }

  /** A new execution's record; nothing is stored yet. */
  newRecord(machine: MachineRecord, name: string, input: string): ExecutionRecord {
    return {
      arn: this.executionArn(machine, name),
      name,
      machineArn: machine.arn,
      definitionId: machine.definitionId,
      scope: "",
      isExpress: machine.type === "EXPRESS",
      roleArn: machine.roleArn,
      status: "RUNNING",
      input,
      startMs: this.clock.now(),
      redriveCount: 0,
    };
  }

  /** Starts an execution, or finds the one that has its name; resolves when it is durable. */
  async start(record: ExecutionRecord, isSame: (other: ExecutionRecord) => boolean): Promise<ExecutionRecord> {
    const before = this.#starting.get(record.arn) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => this.#startOnce(record, isSame));
    this.#starting.set(record.arn, mine);
    try {
      return await mine;
    } finally {
      if (this.#starting.get(record.arn) === mine) this.#starting.delete(record.arn);
    }
  }

  async #startOnce(record: ExecutionRecord, isSame: (other: ExecutionRecord) => boolean): Promise<ExecutionRecord> {
    if (!record.isExpress) {
      const existing = await this.findExecution(record.arn);
      if (existing && isSame(existing)) return existing;
      if (existing) throw new SfnError("ExecutionAlreadyExists", `Execution Already Exists: '${record.arn}'`);
    }
    await this.run(record);
    return record;
  }

  /** Runs a new execution until it first waits. */
  async run(record: ExecutionRecord): Promise<Execution> {
    this.started += 1;
    if (this.#isClosed) throw new ServiceError("ServiceUnavailable", "The service is closing");
    const machine = await this.machines.build(record.definitionId);
    if (record.scope === "" && machine.timeoutSeconds !== undefined) {
      record.timeoutAt = record.startMs + machine.timeoutSeconds * 1000;
    }
    const execution = new Execution(this, record, machine);
    this.#live.set(record.arn, execution);
    await execution.post(() => {
      execution.armTimeout(() => this.#timeOut(execution));
      return this.#begin(execution);
    });
    return execution;
  }

  #begin(execution: Execution): void {
    const { record, machine } = execution;
    const { arn } = record;
    if (!record.isExpress) {
      execution.saveRecord();
      execution.write({ bucket: BUCKETS.running, key: arn, value: "" });
      const owner = record.mapRun?.arn ?? record.machineArn;
      execution.write({ bucket: executionsBucket(owner), key: listKey(record), value: arn });
      execution.afterCommit(() =>
        this.environment.emitEvent?.(statusChange({ ...record, status: "RUNNING" }, this.clock.now())),
      );
    } else if (record.isKept) execution.write({ bucket: BUCKETS.running, key: arn, value: JSON.stringify(record) });
    const started = execution.addEvent(undefined, "ExecutionStarted", {
      input: record.input,
      inputDetails: { truncated: false },
      roleArn: record.roleArn,
    });
    const scope = machine.scopes.get(record.scope)!;
    const flow = execution.addFlow({
      index: 0,
      scope: scope.key,
      state: scope.startAt,
      input: execution.input,
      enteredMs: 0,
      enteredEvent: 0,
      lastEvent: started,
      variables: {},
      retries: [],
      generation: 0,
    });
    execution.makeReady(() => runFlow(execution, flow));
  }

  #timeOut(execution: Execution): void {
    execution.finish("TIMED_OUT", "ExecutionTimedOut", {});
  }

  /** Aborts a running execution. */
  async stop(execution: Execution, info: { error?: string | undefined; cause?: string | undefined }): Promise<void> {
    await execution.post(() => {
      if (!execution.isRunning) return;
      execution.finish("ABORTED", "ExecutionAborted", info);
    });
  }

  stopChild(arn: string): void {
    const child = this.#live.get(arn);
    if (child) void this.stop(child, {}).catch(() => undefined);
  }

  async startChild(start: ChildStart): Promise<ExecutionRecord> {
    const machine = this.machines.find(start.machineArn);
    if (!machine)
      throw stepFunctionsError("StateMachineDoesNotExist", `State Machine Does Not Exist: '${start.machineArn}'`);
    if (machine.type === "EXPRESS" && start.isAwaited) {
      throw stepFunctionsError("StateMachineTypeNotSupported", "An Express execution cannot be waited for");
    }
    const record: ExecutionRecord = { ...this.newRecord(machine, start.name, start.input), parent: start.parent };
    const isMine = ({ parent }: ExecutionRecord): boolean =>
      parent?.arn === start.parent.arn &&
      parent.flow === start.parent.flow &&
      parent.generation === start.parent.generation;
    try {
      return await this.start(record, isMine);
    } catch (error) {
      if (error instanceof SfnError) throw stepFunctionsError(error.type, error.message);
      throw error;
    }
  }

  async startMapChild(run: MapRunRecord, index: number, input: string): Promise<void> {
    const name = randomUUID();
    const owner = `${run.machineArn}/${run.label}`;
    const kind = run.isExpress ? ":express:" : ":execution:";
    const arn = `${owner.replace(":stateMachine:", kind)}:${name}${run.isExpress ? `:${randomUUID()}` : ""}`;
    const { definitionId, scope, isExpress, roleArn } = run;
    const common = { definitionId, scope, isExpress, roleArn, status: "RUNNING" as const, redriveCount: 0 };
    const mapRun = { arn: run.arn, index };
    await this.run({ arn, name, machineArn: owner, input, startMs: this.clock.now(), mapRun, ...common });
  }

  liveChildren(mapRunArn: string): Map<number, Execution> {
    const children = new Map<number, Execution>();
    for (const execution of this.#live.values()) {
      const { mapRun } = execution.record;
      if (mapRun?.arn === mapRunArn && execution.isRunning) children.set(mapRun.index, execution);
    }
    return children;
  }

  async redriveChild(arn: string): Promise<boolean> {
    const record = await this.findExecution(arn);
    if (!record || record.status === "RUNNING" || record.status === "SUCCEEDED") return false;
    await this.redrive(record);
    return true;
  }

  /** Runs again what failed in an execution. */
  async redrive(record: ExecutionRecord): Promise<number> {
    requireRedrivable(record, this.clock.now());
    const machine = await this.machines.build(record.definitionId);
    reopen(record, this.clock.now(), record.scope === "" ? machine.timeoutSeconds : undefined);
    const execution = new Execution(this, record, machine, await this.#stored(record.arn));
    this.#live.set(record.arn, execution);
    await execution.post(() => {
      execution.armTimeout(() => this.#timeOut(execution));
      return redrive(execution);
    });
    return record.redriveMs!;
  }

  /** An execution as far as it is durable. */
  async settled(arn: string): Promise<ExecutionRecord | undefined> {
    await this.#live.get(arn)?.post(() => undefined);
    return this.findExecution(arn);
  }

  /** Resolves when the execution has ended and that is durable. */
  async whenEnded(arn: string): Promise<ExecutionRecord> {
    const record = await this.findExecution(arn);
    if (!record) throw new SfnError("ExecutionDoesNotExist", `Execution Does Not Exist: '${arn}'`);
    if (!this.#live.has(arn)) return record;
    return new Promise((resolve) => {
      const waiting = this.#ends.get(arn);
      if (waiting) waiting.push(resolve);
      else this.#ends.set(arn, [resolve]);
    });
  }

  entered(): void {
    this.transitions += 1;
  }

  ended(execution: Execution): void {
    const { record } = execution;
    this.#live.delete(record.arn);
    if (!record.isExpress) this.environment.emitEvent?.(statusChange(record, this.clock.now()));
    const { parent, mapRun } = record;
    const waiting = parent && this.#live.get(parent.arn);
    if (waiting) waiting.send(() => nestedEnded(waiting, record));
    if (mapRun) this.mapRuns.childEnded(mapRun.arn, mapRun.index, record as ChildResult & ExecutionRecord);
    for (const resolve of this.#ends.get(record.arn) ?? []) resolve(record);
    this.#ends.delete(record.arn);
  }

  onApiCall(call: (action: string, parameters: JsonObject) => Promise<Json>): void {
    this.#api = call;
  }

  async callApi(action: string, parameters: JsonObject): Promise<Json> {
    try {
      return await this.#api!(action, parameters);
    } catch (error) {
      if (error instanceof SfnError) throw new ServiceError(`Sfn.${error.type}Exception`, error.message);
      throw error;
    }
  }
}

/** What is stored of an execution cannot be run: better failed than left running. */
function endBroken(execution: Execution, error: unknown): void {
  const cause = `The execution could not be taken up again: ${(error as Error).message}`;
  if (execution.isRunning) execution.finish("FAILED", "ExecutionFailed", { error: "States.Runtime", cause });
}

/** An error of a nested start as AWS words it for Retry and Catch. */
function stepFunctionsError(type: string, message: string): ServiceError {
  const details = `(Service: AWSStepFunctions; Status Code: 400; Error Code: ${type}; Request ID: ${randomUUID()}; Proxy: null)`;
  return new ServiceError(`StepFunctions.${type}Exception`, `${message} ${details}`);
}
