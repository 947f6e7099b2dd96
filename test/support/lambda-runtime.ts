import { PassThrough, type Writable } from "node:stream";

/** What a streaming handler says before its body. */
export interface Prelude {
  statusCode?: number;
  headers?: Record<string, string>;
}

/** The answer's stream, with the prelude once `HttpResponseStream.from` was called. */
export class ResponseStream extends PassThrough {
  prelude: Prelude | undefined;
}

/** Lambda's own global, as far as streaming handlers use it. Load this before any module that calls `defineApi`. */
Object.assign(globalThis, {
  awslambda: {
    streamifyResponse: <T>(handler: T): T => handler,
    HttpResponseStream: {
      from: (stream: Writable, prelude: Prelude): Writable => {
        (stream as ResponseStream).prelude = prelude;
        return stream;
      },
    },
  },
});
