import type { Machine, StateNode } from "../asl/machine.ts";
import type { ErrorInfo } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Write } from "../store/store.ts";
import { makeEvent, NOT_TRUNCATED } from "./history.ts";
import type { Host } from "./host.ts";
import {
  BUCKETS,
  type ChildResult,
  type ExecutionRecord,
  type Flow,
  flowBucket,
  historyBucket,
  numberKey,
  resultBucket,
  type Status,
} from "./records.ts";

/** A Standard execution fails when its history reaches this many events (quota, hard). */
const MAX_EVENTS = 25_000;

export interface Progress {
  started: number;
  done: number;
}

interface Message {
  work: () => void | Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Thrown when the history is full; nothing in the machine can catch it. */
export class HistoryFull extends Error {
  override readonly name = "HistoryFull";
}

/**
 * One running execution. What happens to it comes as messages and is taken one at a time; what a message changes is
 * committed as one batch, and only then is anything started outside.
 */
export class Execution {
  readonly host: Host;
  readonly record: ExecutionRecord;
  readonly machine: Machine;
  readonly input: Json;
  readonly flows = new Map<number, Flow>();

  #inbox: Message[] = [];
  #isDraining = false;
  #ready: (() => Promise<void>)[] = [];
  #writes: Write[] = [];
  #effects: (() => void)[] = [];
  readonly #dirty = new Set<Flow>();
  readonly #stored = new Set<number>();
  readonly #timers = new Map<number, (() => void)[]>();
  #lastEvent: number;
  #nextFlow = 0;
  /** How far the containers are; made again from the flows after a restart. */
  readonly #progress = new Map<number, Progress>();
  #cancelTimeout: (() => void) | undefined;

  constructor(host: Host, record: ExecutionRecord, machine: Machine, restored?: { flows: Flow[]; lastEvent: number }) {
    this.host = host;
    this.record = record;
    this.machine = machine;
    this.input = JSON.parse(record.input) as Json;
    this.#lastEvent = restored?.lastEvent ?? 0;
    for (const flow of restored?.flows ?? []) {
      this.flows.set(flow.id, flow);
      this.#stored.add(flow.id);
      this.#nextFlow = Math.max(this.#nextFlow, flow.id + 1);
    }
  }

  get isRunning(): boolean {
    return this.record.status === "RUNNING";
  }

  /** The machine's ARN and name as the context object has them. */
  get machineArn(): string {
    return this.record.machineArn;
  }

  get machineName(): string {
    return this.record.machineArn.slice(this.record.machineArn.lastIndexOf(":") + 1);
  }

  nodeOf(flow: Flow): StateNode {
    return this.machine.scopes.get(flow.scope)!.states.get(flow.state)!;
  }

  /** Does the work in its turn; resolves when what it changed is durable. */
  post(work: () => void | Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#inbox.push({ work, resolve, reject });
      if (!this.#isDraining) void this.#drain();
    });
  }

  /** As post, for work whose outcome nobody waits for. */
  send(work: () => void | Promise<void>): void {
    this.post(work).catch(() => undefined);
  }

  /** Runs before the current message ends, after what was made ready earlier. */
  makeReady(work: () => Promise<void>): void {
    this.#ready.push(work);
  }

  /** Runs once everything of the current message is durable. */
  afterCommit(effect: () => void): void {
    this.#effects.push(effect);
  }

  addFlow(flow: Omit<Flow, "id">): Flow {
    const added: Flow = { id: this.#nextFlow++, ...flow };
    this.flows.set(added.id, added);
    this.touch(added);
    return added;
  }

  /** The flow changed and must be stored. */
  touch(flow: Flow): void {
    this.#dirty.add(flow);
  }

  removeFlow(flow: Flow): void {
    this.clearTimers(flow);
    this.flows.delete(flow.id);
    this.#dirty.delete(flow);
    if (this.#stored.delete(flow.id) && !this.record.isExpress) {
      this.#writes.push({ bucket: flowBucket(this.record.arn), key: numberKey(flow.id) });
    }
  }

  /** Counts of the branches or iterations of a container. */
  progressOf(flow: Flow): Progress {
    let progress = this.#progress.get(flow.id);
    if (!progress) {
      progress = { started: 0, done: 0 };
      this.#progress.set(flow.id, progress);
    }
    return progress;
  }

  forgetProgress(flow: Flow): void {
    this.#progress.delete(flow.id);
  }

  write(write: Write): void {
    this.#writes.push(write);
  }

  /** Adds to the history; the answer is the event's id. */
  addEvent(flow: Flow | undefined, type: string, details?: Record<string, unknown>): number {
    const isLast = type.startsWith("Execution");
    if (!this.record.isExpress && this.#lastEvent >= MAX_EVENTS - 1 && !isLast) throw new HistoryFull();
    const id = ++this.#lastEvent;
    if (!this.record.isExpress) {
      const event = makeEvent(id, flow?.lastEvent ?? id - 1, this.host.clock.now(), type, details);
      this.#writes.push({ bucket: historyBucket(this.record.arn), key: numberKey(id), value: JSON.stringify(event) });
    }
    if (flow) flow.lastEvent = id;
    return id;
  }

  /** Arms a timer of a flow once the current message is durable; `fire` runs as a message. */
  setTimer(flow: Flow, atMs: number, fire: () => void | Promise<void>): void {
    const { generation } = flow;
    this.afterCommit(() => {
      if (!this.isCurrent(flow, generation)) return;
      const cancel = this.host.clock.setTimer(atMs, () => {
        this.send(() => (this.isCurrent(flow, generation) ? fire() : undefined));
      });
      const timers = this.#timers.get(flow.id);
      if (timers) timers.push(cancel);
      else this.#timers.set(flow.id, [cancel]);
    });
  }

  clearTimers(flow: Flow): void {
    for (const cancel of this.#timers.get(flow.id) ?? []) cancel();
    this.#timers.delete(flow.id);
  }

  /** False once the flow has moved on, ended or gone. */
  isCurrent(flow: Flow, generation: number): boolean {
    return this.isRunning && this.flows.get(flow.id) === flow && flow.generation === generation && !flow.outcome;
  }

  /** Work outside that a flow waits for is stopped, as far as it can be. */
  giveUpWork({ block }: Flow): void {
    if (block?.kind === "task" && block.child !== undefined) {
      const arn = block.child;
      this.afterCommit(() => this.host.stopChild(arn));
    }
    if (block?.kind === "mapRun") {
      const { arn } = block;
      this.afterCommit(() => this.host.mapRuns.abort(arn));
    }
  }

  armTimeout(onTimeout: () => void | Promise<void>): void {
    const { timeoutAt } = this.record;
    if (timeoutAt === undefined) return;
    this.afterCommit(() => {
      if (!this.isRunning) return;
      this.#cancelTimeout = this.host.clock.setTimer(timeoutAt, () => {
        this.send(() => (this.isRunning ? onTimeout() : undefined));
      });
    });
  }

  /** Ends the execution; flows stay for a redrive unless it succeeded. */
  finish(status: Exclude<Status, "RUNNING">, event: string, result: { output?: string } & ErrorInfo): void {
    const { record } = this;
    record.status = status;
    record.stopMs = this.host.clock.now();
    if (result.output !== undefined) record.output = result.output;
    if (result.error !== undefined) record.error = result.error;
    if (result.cause !== undefined) record.cause = result.cause;
    const details: Record<string, unknown> = { ...result };
    if (result.output !== undefined) details.outputDetails = NOT_TRUNCATED;
    this.addEvent(undefined, event, details);
    this.#ready = [];
    for (const flow of [...this.flows.values()]) {
      if (status === "SUCCEEDED") this.removeFlow(flow);
      else {
        if (!flow.outcome) this.giveUpWork(flow);
        this.clearTimers(flow);
      }
    }
    this.#cancelTimeout?.();
    this.saveRecord();
    if (!record.isExpress || record.isKept) this.write({ bucket: BUCKETS.running, key: record.arn });
    if (record.mapRun) this.#writeResult(record.mapRun);
    this.afterCommit(() => this.host.ended(this));
  }

  #writeResult({ arn, index }: { arn: string; index: number }): void {
    const { name, status, output, error, cause, startMs, stopMs, redriveCount } = this.record;
    const result: ChildResult = { arn: this.record.arn, name, status, startMs, stopMs: stopMs!, redriveCount };
    if (output !== undefined) result.output = output;
    if (error !== undefined) result.error = error;
    if (cause !== undefined) result.cause = cause;
    this.write({ bucket: resultBucket(arn), key: numberKey(index), value: JSON.stringify(result) });
  }

  /** Ends the execution because its history is full. */
  finishFull(): void {
    const cause = `The execution reached the maximum number of history events (${MAX_EVENTS}).`;
    this.finish("FAILED", "ExecutionFailed", { error: "States.Runtime", cause });
  }

  saveRecord(): void {
    if (this.record.isExpress) return;
    this.write({ bucket: BUCKETS.executions, key: this.record.arn, value: JSON.stringify(this.record) });
  }

  /** Stops everything without a trace: the process is closing. */
  halt(): void {
    for (const id of [...this.#timers.keys()]) this.clearTimers(this.flows.get(id)!);
    this.#cancelTimeout?.();
    this.flows.clear();
    this.#effects = [];
    this.#inbox = [];
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    this.host.busy(1);
    try {
      while (this.#inbox.length > 0) {
        const group = this.#inbox;
        this.#inbox = [];
        const done: Message[] = [];
        for (const message of group) await this.#take(message, done);
        try {
          await this.#commit();
        } catch (error) {
          // What is in memory is no longer what is stored: the next start takes it up from there.
          this.halt();
          for (const message of done) message.reject(error);
          return;
        }
        for (const message of done) message.resolve();
      }
    } finally {
      this.#isDraining = false;
      this.host.busy(-1);
    }
  }

  async #take(message: Message, done: Message[]): Promise<void> {
    try {
      await message.work();
      while (this.#ready.length > 0) await this.#ready.shift()!();
      done.push(message);
    } catch (error) {
      this.#ready = [];
      if (error instanceof HistoryFull && this.isRunning) this.finishFull();
      message.reject(error);
    }
  }

  async #commit(): Promise<void> {
    const { arn, isExpress } = this.record;
    if (!isExpress) {
      for (const flow of this.#dirty) {
        this.#stored.add(flow.id);
        this.#writes.push({ bucket: flowBucket(arn), key: numberKey(flow.id), value: JSON.stringify(flow) });
      }
    }
    this.#dirty.clear();
    const writes = this.#writes;
    const effects = this.#effects;
    this.#writes = [];
    this.#effects = [];
    if (writes.length > 0) await this.host.store.commit(writes);
    for (const effect of effects) effect();
  }
}
