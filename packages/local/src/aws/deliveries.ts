import type { Clock } from "@weft/kernel/clock";
import { messageOf } from "@weft/kernel/errors";
import type { Change, Records } from "./records.ts";

/** Between attempts: one second, doubled each time, at most a minute. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
/** What EventBridge and its Scheduler do when a target says nothing else. */
export const DEFAULT_ATTEMPTS = 185;
export const DEFAULT_AGE_MS = 24 * 3_600_000;

/** Something owed to a target. */
export interface Delivery<T> {
  id: string;
  payload: T;
  /** Attempts made so far. */
  attempts: number;
  dueAt: number;
  /** No attempt is made after this. */
  expiresAt: number;
  /** Further attempts after the first. */
  retries: number;
}

export interface DeliveryHandlers<T> {
  deliver(payload: T, attempt: number): Promise<void> | void;
  /** A further attempt was put off: what waits for {@link Deliveries.nextDue} looks again. */
  onRetry(): void;
  /** What could not be delivered. */
  giveUp?(payload: T, reason: string): Promise<void> | void;
}

/** Deliveries that outlive the process: each stands in the records until it is made or given up. */
export class Deliveries<T> {
  readonly #records: Records;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #handlers: DeliveryHandlers<T>;
  readonly #waiting = new Map<string, Delivery<T>>();
  readonly #running = new Set<Promise<void>>();

  private constructor(records: Records, prefix: string, clock: Clock, handlers: DeliveryHandlers<T>) {
    this.#records = records;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#handlers = handlers;
  }

  static async load<T>(
    records: Records,
    prefix: string,
    clock: Clock,
    handlers: DeliveryHandlers<T>,
  ): Promise<Deliveries<T>> {
    const deliveries = new Deliveries(records, prefix, clock, handlers);
    for (const delivery of await records.all<Delivery<T>>(prefix)) deliveries.#waiting.set(delivery.id, delivery);
    return deliveries;
  }

  /** The records to write with whatever causes the delivery; call {@link accept} when they are written. */
  changesFor(deliveries: readonly Delivery<T>[]): Change[] {
    return deliveries.map((delivery) => ({ key: this.#prefix + delivery.id, value: delivery }));
  }

  /** Takes over what was written; `run` makes the first attempt. */
  accept(deliveries: readonly Delivery<T>[]): void {
    for (const delivery of deliveries) this.#waiting.set(delivery.id, delivery);
  }

  nextDue(): number | undefined {
    let next: number | undefined;
    for (const { dueAt } of this.#waiting.values()) next = Math.min(next ?? dueAt, dueAt);
    return next;
  }

  /** Begins every attempt that is due; does not wait for them, so that a slow target holds up no other. */
  run(): void {
    const now = this.#clock.now();
    for (const delivery of [...this.#waiting.values()]) {
      if (delivery.dueAt > now) continue;
      this.#waiting.delete(delivery.id);
      const attempt = this.#attempt(delivery)
        .catch((error) => console.error("a delivery is left for the next start:", error))
        .finally(() => this.#running.delete(attempt));
      this.#running.add(attempt);
    }
  }

  /** Resolves when no attempt is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }

  async #attempt(delivery: Delivery<T>): Promise<void> {
    const key = this.#prefix + delivery.id;
    try {
      await this.#handlers.deliver(delivery.payload, delivery.attempts + 1);
    } catch (error) {
      const again = this.#afterFailure(delivery);
      if (again) {
        await this.#records.write([{ key, value: again }]);
        this.#waiting.set(again.id, again);
        this.#handlers.onRetry();
        return;
      }
      await this.#giveUp(delivery.payload, messageOf(error));
    }
    await this.#records.write([{ key }]);
  }

  #afterFailure(delivery: Delivery<T>): Delivery<T> | undefined {
    const attempts = delivery.attempts + 1;
    const dueAt = this.#clock.now() + Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS);
    if (attempts > delivery.retries || dueAt > delivery.expiresAt) return;
    return { ...delivery, attempts, dueAt };
  }

  async #giveUp(payload: T, reason: string): Promise<void> {
    try {
      if (this.#handlers.giveUp) await this.#handlers.giveUp(payload, reason);
      else console.error("a delivery was given up:", reason);
    } catch (error) {
      console.error("a dead letter was lost:", error);
    }
  }
}
