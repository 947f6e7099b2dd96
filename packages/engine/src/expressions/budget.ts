import { MAX_DEPTH, MAX_MS, MAX_SIZE, MAX_STEPS } from "./limits.ts";

/** An evaluation that was given up: what it takes is more than one evaluation may have. */
export class BudgetExceeded extends Error {
  override readonly name = "BudgetExceeded";
}

/** Steps between two looks at the clock. */
const CLOCK_EVERY = 256;
/** Characters that are worth one step. */
const CHARS_PER_STEP = 1_024;

/** What one evaluation may still use: steps, time and room. */
export class Budget {
  readonly #max: number;
  #left: number;
  readonly #until = performance.now() + MAX_MS;
  readonly #sizes = new WeakMap<object, number>();

  constructor(steps: number = MAX_STEPS) {
    this.#max = steps;
    this.#left = steps;
  }

  /** Takes steps. Throws {@link BudgetExceeded} when they or the time are used up. */
  take(steps = 1): void {
    this.#left -= steps;
    if (this.#left < 0) throw new BudgetExceeded(`The expression takes more than ${this.#max} steps`);
    if ((this.#left % CLOCK_EVERY === 0 || steps > 1) && performance.now() > this.#until) {
      throw new BudgetExceeded(`The expression takes more than ${MAX_MS} ms`);
    }
  }

  /** Refuses what would be too large before it is made. */
  reserve(size: number): void {
    if (!(size <= MAX_SIZE))
      throw new BudgetExceeded(`The expression makes a value of more than ${MAX_SIZE} characters`);
    if (size >= CHARS_PER_STEP) this.take(Math.floor(size / CHARS_PER_STEP));
  }

  /**
   * Refuses a value that is too large or too deep. A part that is there twice counts twice: written out it would be there
   * twice, and a hundred doublings of a small list are more than any machine holds.
   */
  check(value: unknown): void {
    if (typeof value === "string") this.reserve(value.length);
    else if (value !== null && typeof value === "object") this.#sizeOf(value, 0);
  }

  #sizeOf(value: unknown, depth: number): number {
    if (typeof value === "string") return value.length + 1;
    if (value === null || typeof value !== "object" || "_jsonata_lambda" in value) return 1;
    const known = this.#sizes.get(value);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH) throw new BudgetExceeded(`The expression makes a value that is more than ${MAX_DEPTH} deep`);
    let size = 1;
    if (Array.isArray(value)) for (const item of value) size += this.#sizeOf(item, depth + 1);
    else
      for (const key of Object.keys(value)) {
        size += key.length + this.#sizeOf((value as Record<string, unknown>)[key], depth + 1);
      }
    if (size > MAX_SIZE) throw new BudgetExceeded(`The expression makes a value of more than ${MAX_SIZE} characters`);
    this.#sizes.set(value, size);
    return size;
  }
}
