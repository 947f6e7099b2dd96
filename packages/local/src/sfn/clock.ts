/** Time and timers; everything in the interpreter that waits takes them from here. */
export interface TimerClock {
  now(): number;
  /** Calls `fire` once at or after `atMs`; the answer cancels it. */
  setTimer(atMs: number, fire: () => void): () => void;
}

/** setTimeout takes at most 2^31-1 ms; longer waits are taken in days. */
const LONGEST_TIMEOUT_MS = 86_400_000;

export const realTimerClock: TimerClock = {
  now: () => Date.now(),
  setTimer(atMs, fire) {
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const left = atMs - Date.now();
      handle = left > LONGEST_TIMEOUT_MS ? setTimeout(arm, LONGEST_TIMEOUT_MS) : setTimeout(fire, Math.max(0, left));
    };
    arm();
    return () => clearTimeout(handle);
  },
};

interface FakeTimer {
  at: number;
  seq: number;
  fire: () => void;
}

/** How many turns of the event loop nothing must happen in before the fake clock jumps. */
const QUIET_TURNS = 2;

/** A clock that jumps to the next timer when nothing else can happen, so that a wait of a year passes at once. */
export class FakeTimerClock implements TimerClock {
  #now: number;
  #seq = 0;
  readonly #timers = new Set<FakeTimer>();
  readonly #busy: (() => boolean)[] = [];

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  setTimer(atMs: number, fire: () => void): () => void {
    const timer: FakeTimer = { at: atMs, seq: this.#seq++, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The clock never jumps while one of these says true. */
  holdWhile(isBusy: () => boolean): void {
    this.#busy.push(isBusy);
  }

  /** Lets time pass until the promise settles; fails when nothing is left that could settle it. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    promise.then(
      () => {
        isSettled = true;
      },
      () => {
        isSettled = true;
      },
    );
    for (;;) {
      await this.#quiet(() => isSettled);
      if (isSettled) return promise;
      if (!this.#jump()) throw new Error("nothing left to wait for");
    }
  }

  /** Fires everything that is due up to `atMs`, letting the consequences happen in between. */
  async advanceTo(atMs: number): Promise<void> {
    for (;;) {
      await this.#quiet(() => false);
      const next = this.#next();
      if (!next || next.at > atMs) break;
      this.#jump();
    }
    this.#now = Math.max(this.#now, atMs);
    await this.#quiet(() => false);
  }

  async #quiet(isSettled: () => boolean): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS && !isSettled(); ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = this.#busy.some((isBusy) => isBusy()) ? 0 : quiet + 1;
    }
  }

  #next(): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.at < first.at || (timer.at === first.at && timer.seq < first.seq)) first = timer;
    }
    return first;
  }

  #jump(): boolean {
    const timer = this.#next();
    if (!timer) return false;
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.fire();
    return true;
  }
}
