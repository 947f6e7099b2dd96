/** Where time comes from. Everything that reads the time takes it from here, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now: number;
  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }
  now(): number {
    return this.#now;
  }
  /** Moves time forward by `ms` milliseconds. */
  advance(ms: number): void {
    this.#now += ms;
  }
}

/** ISO 8601 in UTC with milliseconds, the one form of a time in the native API and in the table. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
