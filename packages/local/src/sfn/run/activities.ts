import type { TimerClock } from "../clock.ts";

export interface ActivityTask {
  token: string;
  input: string;
}

interface Poller {
  worker: string | undefined;
  take: (task: ActivityTask | undefined) => void;
}

/** GetActivityTask waits this long for work. */
const POLL_MS = 60_000;

/** The queues between activity tasks and their workers. Tasks are kept by their executions; this is their order. */
export class Activities {
  readonly #clock: TimerClock;
  readonly #waiting = new Map<string, ActivityTask[]>();
  readonly #pollers = new Map<string, Poller[]>();
  readonly #known = new Map<string, { createdMs: number; name: string }>();
  /** Says whether a task is still wanted, and marks it as taken. */
  #claim: (token: string, worker: string | undefined) => Promise<boolean> = async () => false;

  constructor(clock: TimerClock) {
    this.#clock = clock;
  }

  onClaim(claim: (token: string, worker: string | undefined) => Promise<boolean>): void {
    this.#claim = claim;
  }

  add(arn: string, name: string, createdMs: number): void {
    this.#known.set(arn, { createdMs, name });
  }

  remove(arn: string): void {
    this.#known.delete(arn);
  }

  exists(arn: string): boolean {
    return this.#known.has(arn);
  }

  list(): [arn: string, about: { createdMs: number; name: string }][] {
    return [...this.#known];
  }

  offer(arn: string, task: ActivityTask): void {
    const poller = this.#pollers.get(arn)?.shift();
    if (poller) return void this.#hand(arn, task, poller);
    const queue = this.#waiting.get(arn);
    if (queue) queue.push(task);
    else this.#waiting.set(arn, [task]);
  }

  /** The next task, or undefined when none came in time. */
  async poll(arn: string, worker: string | undefined): Promise<ActivityTask | undefined> {
    for (let task = this.#waiting.get(arn)?.shift(); task; task = this.#waiting.get(arn)?.shift()) {
      if (await this.#claim(task.token, worker)) return task;
    }
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(this.#clock.now() + POLL_MS, () => {
        const pollers = this.#pollers.get(arn);
        const at = pollers?.indexOf(poller) ?? -1;
        if (at >= 0) pollers!.splice(at, 1);
        resolve(undefined);
      });
      const take: Poller["take"] = (task) => {
        cancel();
        resolve(task);
      };
      const poller: Poller = { worker, take };
      const pollers = this.#pollers.get(arn);
      if (pollers) pollers.push(poller);
      else this.#pollers.set(arn, [poller]);
    });
  }

  async #hand(arn: string, task: ActivityTask, poller: Poller): Promise<void> {
    if (await this.#claim(task.token, poller.worker)) return poller.take(task);
    const pollers = this.#pollers.get(arn) ?? [];
    pollers.unshift(poller);
    this.#pollers.set(arn, pollers);
  }

  /** Lets every waiting worker go. */
  close(): void {
    for (const pollers of this.#pollers.values()) for (const poller of pollers.splice(0)) poller.take(undefined);
  }
}
