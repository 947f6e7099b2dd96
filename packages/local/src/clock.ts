import type { Clock } from "@weft/kernel/clock";

/** A clock with timers; what the interpreter, the scheduler and the authorizer cache take their time from. */
export interface TimerClock extends Clock {
  /** Calls `fire` once `now()` has reached `atMs`; returns what cancels it. */
  setTimer(atMs: number, fire: () => unknown): () => void;
}

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

  /**
   * Moves time forward by `ms`. Every timer due on the way fires at its own time, earliest first; `settle` is awaited
   * after each, so that what it started can set timers of its own before the next one is chosen.
   */
  async advance(ms: number, settle: () => Promise<void> = async () => {}): Promise<void> {
    const target = this.now() + ms;
    await settle();
    for (let due = this.#earliest(target); due; due = this.#earliest(target)) {
      this.#moveTo(due.at);
      this.#drop(due);
      await due.fire();
      await settle();
    }
    this.#moveTo(target);
    for (const timer of this.#timers) this.#arm(timer);
  }

  /** Forgets every timer. */
  close(): void {
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
