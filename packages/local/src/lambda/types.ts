/** One Lambda function as the pool runs it. */
export interface LambdaFunction {
  name: string;
  arn: string;
  /** Absolute path or file URL of the module that exports the handler. */
  entry: string;
  /** Name of the export; `handler` when absent. */
  exportName?: string;
  /** The function's own variables; nothing of the host's environment is added to them. */
  environment: Readonly<Record<string, string>>;
  timeoutSeconds: number;
  memoryMb: number;
  /** Each tenant has environments of its own, and a call without a tenant is refused. */
  perTenant?: boolean;
  /** The tenant whose environment this is. */
  tenantId?: string;
  /** Retries of an asynchronous invocation after the first try. AWS's default is 2. */
  asyncRetries?: number;
  /** Called when an asynchronous invocation has used up its retries. */
  onAsyncFailure?: (failure: AsyncFailure) => void;
}

export interface AsyncFailure {
  functionArn: string;
  requestId: string;
  payload: string;
  result: InvokeResult;
}

/** The body of an error as Lambda's Node.js runtime writes it. */
export interface ErrorPayload {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

/** What an invocation gives back; `functionError` is set when the function failed, as in Lambda's Invoke API. */
export interface InvokeResult {
  requestId: string;
  /** JSON for a plain handler, whatever was written for a streaming one. */
  payload: string;
  functionError?: "Unhandled";
}

/** Receives a streamed answer. */
export interface StreamSink {
  /** `prelude` is the metadata of `HttpResponseStream.from`; called once, before the first bytes. */
  start(prelude: HttpPrelude | undefined): void;
  /** Settles once the receiver can take more. */
  write(chunk: string | Uint8Array): Promise<void> | undefined;
  /** The function ended its stream; it may still be running. */
  end(): void;
}

/** Status and headers that `awslambda.HttpResponseStream.from` puts before a streamed body. */
export interface HttpPrelude {
  statusCode?: number;
  headers?: Record<string, string | number | boolean>;
  multiValueHeaders?: Record<string, (string | number | boolean)[]>;
  cookies?: string[];
}

/** Given to the worker thread at its start. */
export interface WorkerSetup {
  entry: string;
  exportName: string;
  functionName: string;
  functionArn: string;
  memoryMb: number;
  tenantId: string | undefined;
  clock: SharedArrayBuffer;
  compileCache: string | undefined;
}

/** To the worker: an event to handle, or room in the stream's window. */
export type ToWorker =
  | { type: "invoke"; requestId: string; payload: string; deadline: number }
  | { type: "ack"; bytes: number };

/** A part of a streamed answer. */
export interface StreamPart {
  prelude?: string;
  chunks: (string | Uint8Array)[];
  bytes: number;
  end: boolean;
}

/** From the worker: it has loaded, it streamed something, it is done, or it cannot go on. */
export type FromWorker =
  | { type: "ready" }
  | { type: "fatal"; error: ErrorPayload }
  | { type: "part"; part: StreamPart }
  | { type: "done"; part?: StreamPart; payload?: string; error?: ErrorPayload };
