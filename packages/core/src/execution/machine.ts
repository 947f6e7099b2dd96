import { createHash } from "node:crypto";

/** What the state machine carries: ids only. */
export interface LaneInput {
  spaceId: string;
  executionId: string;
  segmentId: string;
  step: number;
  epoch: number;
  /** Steps that this lane has done; a long one goes on in a fresh lane. */
  hops: number;
}

export type LaneRoute = LaneInput &
  (
    | { next: "step" }
    | { next: "wait"; until: string }
    | { next: "signal"; path: string; timeoutSeconds: number }
    | { next: "done" }
  );

/** Step Functions as the execution domain needs it. */
export interface Machine {
  /** Starts a lane. A lane of the same name that exists already is the same lane. */
  start(name: string, input: LaneInput): Promise<void>;
  /** Stops a lane; one that does not run is no error. */
  stop(name: string, cause: string): Promise<void>;
  isRunning(name: string): Promise<boolean>;
  /** Wakes a lane that waits. A token that is used up or timed out is no error. */
  wake(token: string): Promise<void>;
}

/** `executionId-segment-epoch-continuation`, at most 80 characters as Step Functions demands; node ids may be longer. */
export function laneName(executionId: string, segmentId: string, epoch: number, continuation: number): string {
  const segment = createHash("sha256").update(segmentId).digest("hex").slice(0, 16);
  return `${executionId}-${segment}-${epoch}-${continuation}`;
}
