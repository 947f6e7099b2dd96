/** What a failed state reports: either part may be missing, as on AWS. */
export interface ErrorInfo {
  error?: string | undefined;
  cause?: string | undefined;
}

/**
 * A state could not go on. `isCatchable` is false for failures of the state's own definition or data flow, which on
 * AWS no Retry or Catch sees.
 */
export class StateFailure extends Error {
  override readonly name = "StateFailure";
  readonly info: ErrorInfo;
  readonly isCatchable: boolean;
  /** Set when a JSONata field failed: AWS then writes an EvaluationFailed event. */
  readonly evaluation: { location?: string } | undefined;

  constructor(info: ErrorInfo, options: { isCatchable?: boolean; evaluation?: { location?: string } } = {}) {
    super(info.cause ?? info.error ?? "failed");
    this.info = info;
    this.isCatchable = options.isCatchable ?? true;
    this.evaluation = options.evaluation;
  }
}

/** A failure of the machine itself (`States.Runtime`); the cause gains its state and event when it is caught. */
export function runtimeFailure(cause: string): StateFailure {
  return new StateFailure({ error: "States.Runtime", cause }, { isCatchable: false });
}

/** A JSONata field that cannot be evaluated (`States.QueryEvaluationError`). */
export function queryFailure(cause: string, location?: string): StateFailure {
  return new StateFailure(
    { error: "States.QueryEvaluationError", cause },
    { evaluation: location === undefined ? {} : { location } },
  );
}

/** What a called service answered with; `name` is the error name that Retry and Catch compare. */
export class ServiceError extends Error {
  override readonly name: string;
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** An error of the Step Functions API, as the wire format names it. */
export class SfnError extends Error {
  override readonly name = "SfnError";
  readonly type: string;
  readonly status: number;
  readonly details: Record<string, unknown>;
  constructor(type: string, message: string, options: { status?: number; details?: Record<string, unknown> } = {}) {
    super(message);
    this.type = type;
    this.status = options.status ?? 400;
    this.details = options.details ?? {};
  }
}
