import type { Clock } from "@weft/kernel/clock";

/** A timer is set anew at least this often, so that a machine's sleep does not hold it up. */
const LONGEST_SLEEP_MS = 30_000;

/** Calls `ring` when the clock reaches a time; a fake clock rings by its own `ring`. */
export class Alarm {
  readonly #clock: Clock;
  readonly #next: () => number | undefined;
  readonly #ring: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #isClosed = false;

  /** `next` tells what time is waited for, if any. */
  constructor(clock: Clock, next: () => number | undefined, ring: () => Promise<void>) {
    this.#clock = clock;
    this.#next = next;
    this.#ring = ring;
  }

  /** Looks again at what is waited for; call it when that may have changed. */
  set(): void {
    clearTimeout(this.#timer);
    const at = this.#next();
    if (this.#isClosed || at === undefined) return;
    const wait = Math.min(Math.max(at - this.#clock.now(), 0), LONGEST_SLEEP_MS);
    this.#timer = setTimeout(() => this.#wake(), wait).unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#work;
  }

  #wake(): void {
    const at = this.#next();
    if (this.#work || at === undefined || at > this.#clock.now()) {
      this.set();
      return;
    }
    this.#work = this.#ring()
      .catch((error) => console.error(error))
      .finally(() => {
        this.#work = undefined;
        this.set();
      });
  }
}
