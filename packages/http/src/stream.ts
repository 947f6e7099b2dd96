import { Reply, type ReplyOptions } from "./reply.ts";
import type { SseRun } from "./sse.ts";

/** Opens streamed answers. A handler returns what it opened. */
export interface Streaming {
  /** Server-sent events. A failure of `run` is sent as a last `error` event. */
  sse(run: SseRun, options?: ReplyOptions): Reply<never>;
  /** Bytes of another media type, as they come. */
  bytes(source: AsyncIterable<Uint8Array | string>, contentType: string, options?: ReplyOptions): Reply<never>;
}

/** The {@link Streaming} of one route. */
export function streamingOf(route: { operationId: string; stream?: boolean }): Streaming {
  const check = (): void => {
    if (!route.stream) throw new Error(`${route.operationId} does not declare stream`);
  };
  return {
    sse: (run, options) => {
      check();
      return new Reply<never>({ kind: "sse", run }, options);
    },
    bytes: (source, contentType, options) => {
      check();
      return new Reply<never>({ kind: "bytes", source, contentType }, options);
    },
  };
}
