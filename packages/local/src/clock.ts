import type { Clock } from "@weft/kernel/clock";

/** A clock with timers; what the interpreter, the scheduler and the authorizer cache take their time from. */
export interface TimerClock extends Clock {
  /** Calls `fire` once `now()` has reached `atMs`; returns what cancels it. */
  setTimer(atMs: number, fire: () => unknown): () => void;
}

/** Something that has due times of its own, in real time by itself and in moved time by `tick`. */
export interface TimeSource {
  nextDue(): number | undefined;
  /** Does all that is due now. */
  tick(): Promise<void>;
}

/** A source is ticked at most this often in one `advance`: a long one takes several due times together. */
const TICKS_PER_ADVANCE = 500;

/** The longest delay that setTimeout takes; a longer wait is armed again when it ends. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

interface Timer {
  at: number;
  order: number;
  fire: () => unknown;
  handle: NodeJS.Timeout | undefined;
}

/**
 * Real time plus an offset that tests move. The offset lives in shared memory, so that the workers' `Date` moves with
 * it, and timers that become due fire in the order of their times.
 */
export class StackClock implements TimerClock {
  /** One 64-bit integer: milliseconds to add to the real time. Given to every worker. */
  readonly shared = new SharedArrayBuffer(8);
  readonly #offset = new BigInt64Array(this.shared);
  readonly #timers = new Set<Timer>();
  readonly #sources = new Set<TimeSource>();
  #order = 0;

  now(): number {
    return Date.now() + Number(Atomics.load(this.#offset, 0));
  }

  setTimer(atMs: number, fire: () => unknown): () => void {
    const timer: Timer = { at: atMs, order: this.#order++, fire, handle: undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => this.#drop(timer);
  }

  /** Lets `advance` stop at the due times of a source that waits in real time by itself. */
  addSource(source: TimeSource): void {
    this.#sources.add(source);
  }

  /**
   * Moves time forward by `ms`. Every timer due on the way fires at its own time, earliest first; `settle` is awaited
   * after each, so that what it started can set timers of its own before the next one is chosen.
   */
  async advance(ms: number, settle: () => Promise<void> = async () => {}): Promise<void> {
    const target = this.now() + ms;
    const leastStep = ms / TICKS_PER_ADVANCE;
    let notBefore = 0;
    await settle();
    for (;;) {
      const timer = this.#earliest(target);
      const source = this.#earliestSource(notBefore);
      if (source && source.at <= Math.min(timer?.at ?? target, target)) {
        this.#moveTo(source.at);
        notBefore = this.now() + leastStep;
        await source.tick();
      } else if (timer) {
        this.#moveTo(timer.at);
        this.#drop(timer);
        await timer.fire();
      } else break;
      await settle();
    }
    this.#moveTo(target);
    for (const timer of this.#timers) this.#arm(timer);
  }

  /** Forgets every timer and source; the offset stays, so that the clock serves a stack that is started again. */
  close(): void {
    this.#sources.clear();
    for (const timer of [...this.#timers]) this.#drop(timer);
  }

  #moveTo(time: number): void {
    const ahead = time - this.now();
    if (ahead > 0) Atomics.add(this.#offset, 0, BigInt(Math.ceil(ahead)));
  }

  #earliest(until: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > until) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  }

  #earliestSource(notBefore: number): { at: number; tick(): Promise<void> } | undefined {
    let first: { at: number; tick(): Promise<void> } | undefined;
    for (const source of this.#sources) {
      const due = source.nextDue();
      if (due === undefined) continue;
      const at = Math.max(due, notBefore);
      if (!first || at < first.at) first = { at, tick: () => source.tick() };
    }
    return first;
  }

  #arm(timer: Timer): void {
    clearTimeout(timer.handle);
    const delay = Math.min(Math.max(timer.at - this.now(), 0), MAX_TIMEOUT_MS);
    timer.handle = setTimeout(() => this.#expire(timer), delay);
  }

  #expire(timer: Timer): void {
    if (!this.#timers.has(timer)) return;
    if (timer.at > this.now()) {
      this.#arm(timer);
      return;
    }
    this.#drop(timer);
    timer.fire();
  }

  #drop(timer: Timer): void {
    clearTimeout(timer.handle);
    this.#timers.delete(timer);
  }
}
