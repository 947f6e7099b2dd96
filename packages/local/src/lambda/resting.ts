import type { FleetLimits } from "./fleet.ts";
import type { Instance } from "./instance.ts";

/** How often idle workers are looked at. */
const LOOK_MS = 500;
/** What handled an event so shortly ago is likely to be asked again, whatever memory it takes. */
const WARM_MS = 1_000;

interface Rest {
  since: number;
  /** Whether its function has other workers, or belongs to a tenant who may never come again. */
  isSpare(): boolean;
}

/**
 * The idle workers of all functions. Each takes the memory of the product's code, so they end after a while. Where more
 * are loaded than the machine should hold, the spare ones and those that were idle longest end first.
 */
export class Resting {
  readonly #idle = new Map<Instance, Rest>();
  readonly #limits: Pick<FleetLimits, "idleMs" | "lastIdleMs" | "kept">;
  readonly #loaded: () => number;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: Pick<FleetLimits, "idleMs" | "lastIdleMs" | "kept">, loaded: () => number) {
    this.#limits = limits;
    this.#loaded = loaded;
  }

  /** A worker has nothing to do from now on. */
  add(instance: Instance, isSpare: () => boolean): void {
    this.#idle.set(instance, { since: performance.now(), isSpare });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** It has, or it is gone. */
  delete(instance: Instance): void {
    this.#idle.delete(instance);
  }

  /** One more worker is about to be loaded. */
  makeRoom(): void {
    this.#trim(this.#limits.kept - 1);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#idle.clear();
  }

  #look(): void {
    const now = performance.now();
    const { idleMs, lastIdleMs, kept } = this.#limits;
    for (const [instance, { since, isSpare }] of this.#idle) {
      if (now - since >= (isSpare() ? idleMs : lastIdleMs)) this.#end(instance);
    }
    this.#trim(kept);
    if (this.#idle.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends rested workers until no more than so many are loaded. */
  #trim(most: number): void {
    const now = performance.now();
    let surplus = this.#loaded() - most;
    const rested = [...this.#idle].filter(([, { since }]) => now - since >= WARM_MS);
    for (const [instance] of rested.sort(([, a], [, b]) => Number(b.isSpare()) - Number(a.isSpare()))) {
      if (surplus <= 0) break;
      this.#end(instance);
      surplus -= 1;
    }
  }

  #end(instance: Instance): void {
    this.#idle.delete(instance);
    void instance.stop();
  }
}
