import { LambdaServiceError } from "./errors.ts";
import { type CpuTimes, cpuTimes, idleShare } from "./idle-share.ts";
import { Instance, type InstanceOptions, type Job } from "./instance.ts";
import type { Resting } from "./resting.ts";
import type { LambdaFunction } from "./types.ts";

export interface FleetLimits {
  /** Workers that start as soon as an event finds none idle and none starting. */
  eager: number;
  /** Workers at most. */
  max: number;
  /** Above `eager`, one more worker starts when the oldest event has waited this long and the machine has time left. */
  patienceMs: number;
  /** The same even when they have none and no event ended for so long: functions may wait for each other. */
  hardPatienceMs: number;
  /** A worker above the first ends after this long without an event, the last of its function after `lastIdleMs`. */
  idleMs: number;
  lastIdleMs: number;
  /** Workers of all functions together that stay loaded when they have nothing to do. */
  kept: number;
  /** Events that may wait; one more is refused as a throttle. */
  maxWaiting: number;
}

/**
 * Two cores: more threads than that only help when functions wait on something else, which a waiting event shows.
 * The limits keep memory low where Lambda would start an environment for each concurrent event.
 */
export const FLEET_LIMITS: FleetLimits = {
  eager: 2,
  max: 64,
  patienceMs: 100,
  hardPatienceMs: 2_000,
  idleMs: 30_000,
  lastIdleMs: 600_000,
  kept: 2,
  maxWaiting: 2_000,
};

/** With less of the machine idle than this, functions compute rather than wait, and one more thread would not help. */
const SOME_IDLE = 0.2;
/** With more than this they do little but wait, and several may start at once. */
const MOSTLY_IDLE = 0.6;
const GROWTH_WHEN_IDLE = 4;

interface Waiting {
  job: Job;
  since: number;
}

/** The workers of one function and the events that wait for one. */
export class Fleet {
  readonly fn: LambdaFunction;
  readonly #options: InstanceOptions;
  readonly #limits: FleetLimits;
  readonly #all = new Set<Instance>();
  readonly #loaded = new WeakSet<Instance>();
  readonly #idle: Instance[] = [];
  readonly #resting: Resting;
  #waiting: Waiting[] = [];
  #scaler: NodeJS.Timeout | undefined;
  #lastFree = 0;
  #lastLoaded = 0;
  #closed = false;

  constructor(fn: LambdaFunction, options: InstanceOptions, limits: FleetLimits, resting: Resting) {
    this.fn = fn;
    this.#resting = resting;
    this.#options = options;
    this.#limits = limits;
  }

  /** Events being handled or waiting. */
  get active(): number {
    let busy = this.#waiting.length;
    for (const instance of this.#all) if (instance.state === "busy") busy += 1;
    return busy;
  }

  get workers(): number {
    return this.#all.size;
  }

  submit(job: Job): void {
    if (this.#closed) throw new LambdaServiceError("ServiceException", 500, "the pool is closed");
    const idle = this.#takeIdle();
    if (idle) {
      idle.run(job);
      return;
    }
    if (this.#waiting.length >= this.#limits.maxWaiting)
      throw new LambdaServiceError("TooManyRequestsException", 429, "Rate Exceeded.");
    this.#waiting.push({ job, since: performance.now() });
    if (this.#all.size < this.#limits.eager && !this.#isStarting) this.#start();
    else this.#watch();
  }

  get #isStarting(): boolean {
    return [...this.#all].some((instance) => instance.state === "starting");
  }

  /** Starts a worker ahead of the first event. */
  warm(): void {
    if (this.#all.size === 0 && !this.#closed) this.#start();
  }

  /** Kills busy workers, or an idle one when none is busy; returns how many. */
  kill(): number {
    const busy = [...this.#all].filter((instance) => instance.state === "busy");
    const victims = busy.length > 0 ? busy : [...this.#all].slice(0, 1);
    for (const instance of victims) instance.kill();
    return victims.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#scaler);
    const error = { errorType: "ServiceException", errorMessage: "the pool is closed" };
    for (const { job } of this.#waiting.splice(0)) job.done({ error });
    await Promise.all([...this.#all].map((instance) => instance.stop()));
  }

  #start(): void {
    this.#resting.makeRoom();
    const instance = new Instance(this.fn, { ready: this.#free, idle: this.#free, gone: this.#gone }, this.#options);
    this.#all.add(instance);
  }

  #free = (instance: Instance): void => {
    this.#lastFree = performance.now();
    if (!this.#loaded.has(instance)) this.#lastLoaded = this.#lastFree;
    this.#loaded.add(instance);
    const next = this.#waiting.shift();
    if (next) {
      instance.run(next.job);
      return;
    }
    this.#idle.push(instance);
    this.#resting.add(instance, () => this.#all.size > 1 || this.fn.tenantId !== undefined);
  };

  #gone = (instance: Instance): void => {
    this.#all.delete(instance);
    this.#forgetIdle(instance);
    if (this.#closed) return;
    // What failed to load would fail again: the event that waits longest gets the error, as on Lambda.
    if (instance.fatal && !this.#loaded.has(instance)) this.#waiting.shift()?.job.done({ error: instance.fatal });
    if (this.#waiting.length > 0 && this.#all.size < this.#limits.eager) this.#start();
  };

  #takeIdle(): Instance | undefined {
    const instance = this.#idle.pop();
    if (instance) this.#resting.delete(instance);
    return instance;
  }

  #forgetIdle(instance: Instance): void {
    const at = this.#idle.indexOf(instance);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#resting.delete(instance);
  }

  #watch(): void {
    if (this.#scaler || this.#waiting.length === 0) return;
    const before = cpuTimes();
    this.#scaler = setTimeout(() => {
      this.#scaler = undefined;
      const oldest = this.#waiting[0];
      if (!oldest || this.#closed) return;
      for (let more = this.#growth(oldest.since, before); more > 0; more--) this.#start();
      this.#watch();
    }, this.#limits.patienceMs);
  }

  /** How many workers to start now. */
  #growth(waitingSince: number, before: CpuTimes): number {
    const now = performance.now();
    const { max, patienceMs, hardPatienceMs } = this.#limits;
    const room = Math.min(max - this.#all.size, this.#waiting.length);
    // A worker that has just loaded is given the time to show whether it is enough.
    if (this.#isStarting || room <= 0 || now - Math.max(waitingSince, this.#lastLoaded) < patienceMs) return 0;
    if (now - Math.max(waitingSince, this.#lastFree) >= hardPatienceMs) return 1;
    const idle = idleShare(before);
    if (idle > MOSTLY_IDLE) return Math.min(room, GROWTH_WHEN_IDLE);
    return idle > SOME_IDLE ? 1 : 0;
  }
}
