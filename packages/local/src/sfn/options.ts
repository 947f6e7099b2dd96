import type { TimerClock } from "./clock.ts";
import type { SfnEnvironment } from "./environment.ts";
import type { SfnStore } from "./store/store.ts";

export interface SfnOptions {
  environment: SfnEnvironment;
  /** In memory unless given. */
  store?: SfnStore;
  clock?: TimerClock;
  region?: string;
  accountId?: string;
  /** For jitter; Math.random unless given. */
  random?: () => number;
}
