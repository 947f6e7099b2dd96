import { callAsTask, createSfnHandler, type SfnHandler } from "./api/handler.ts";
import { claimActivityTask } from "./api/task-calls.ts";
import type { SfnOptions } from "./options.ts";
import { SfnService } from "./service.ts";

export { createSfnHandler, type SfnAnswer, type SfnHandler } from "./api/handler.ts";
export { FakeTimerClock, realTimerClock, type TimerClock } from "./clock.ts";
export type {
  Integration,
  LambdaAnswer,
  LambdaCall,
  S3Object,
  SfnEnvironment,
  StatusChange,
} from "./environment.ts";
export { ServiceError, SfnError } from "./errors.ts";
export type { SfnOptions } from "./options.ts";
export type { ExecutionRecord } from "./run/records.ts";
export type { SfnService } from "./service.ts";
export { LevelStore } from "./store/level-store.ts";
export { MemoryStore } from "./store/memory-store.ts";
export type { SfnStore } from "./store/store.ts";

export interface Sfn {
  service: SfnService;
  /** Answers the AWS JSON 1.0 API. */
  handler: SfnHandler;
  /** Stops all work and closes the store; executions go on when it is opened again. */
  close(): Promise<void>;
}

/** Opens a local Step Functions over a store, taking up what was running in it. */
export async function createSfn(options: SfnOptions): Promise<Sfn> {
  const service = new SfnService(options);
  service.onApiCall((action, parameters) => callAsTask(service, action, parameters));
  service.activities.onClaim((token, worker) => claimActivityTask(service, token, worker));
  await service.open();
  return { service, handler: createSfnHandler(service), close: () => service.close() };
}
