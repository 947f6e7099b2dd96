import { once } from "node:events";
import { PassThrough } from "node:stream";

/** How often an idle stream sends a comment: well under the 5 minutes after which API Gateway drops an idle stream. */
export const HEARTBEAT_MS = 15_000;

/** One event of a stream. */
export interface SseEvent {
  /** Sent as JSON unless it is a string. */
  data: unknown;
  event?: string;
  id?: string;
}

/** Writes server-sent events. Writing to a stream whose client left is not an error and has no effect. */
export interface SseWriter {
  /** Resolves when the stream can take more. */
  send(event: SseEvent): Promise<void>;
  comment(text: string): Promise<void>;
  /** Aborted when the client left, where the platform shows it. Deployed on Lambda it does not. */
  readonly signal: AbortSignal;
}

/** Produces the events of one answer; the stream ends when it settles. */
export type SseRun = (sse: SseWriter) => Promise<void>;

/** A line break inside `event` or `id` would forge fields; NUL in an id makes clients ignore it. */
const FIELD_BREAK = /[\r\n\0]+/g;

function frame({ data, event, id }: SseEvent): string {
  const text = typeof data === "string" ? data : (JSON.stringify(data) ?? "null");
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  const head = id === undefined ? "" : `id: ${id.replace(FIELD_BREAK, " ")}\n`;
  const name = event === undefined ? "" : `event: ${event.replace(FIELD_BREAK, " ")}\n`;
  return `${head}${name}${lines.join("")}\n`;
}

function createWriter(stream: PassThrough): SseWriter {
  const left = new AbortController();
  stream.on("error", () => left.abort());
  stream.on("close", () => {
    if (!stream.writableFinished) left.abort();
  });
  const write = async (chunk: string): Promise<void> => {
    if (left.signal.aborted || stream.destroyed || stream.writableEnded) return;
    if (stream.write(chunk)) return;
    await once(stream, "drain", { signal: left.signal }).catch(() => undefined);
  };
  return {
    send: (event) => write(frame(event)),
    comment: (text) => write(`: ${text.replace(FIELD_BREAK, " ")}\n\n`),
    signal: left.signal,
  };
}

/** How a stream is kept alive and how it ends when its work fails. */
export interface SseOptions {
  heartbeatMs?: number;
  /** The last event when `run` fails after the answer has begun. */
  onError?: (thrown: unknown) => SseEvent | undefined;
}

/**
 * Starts `run` and gives the stream of its events, with a comment whenever `heartbeatMs` have passed. `done` settles when
 * `run` has, also after the client left, and never rejects.
 */
export function openSse(run: SseRun, options: SseOptions = {}): { stream: PassThrough; done: Promise<void> } {
  const stream = new PassThrough();
  const writer = createWriter(stream);
  const heartbeat = setInterval(() => {
    // A client that does not read would pile comments up.
    if (!stream.writableNeedDrain) void writer.comment("heartbeat");
  }, options.heartbeatMs ?? HEARTBEAT_MS);
  const finish = async (): Promise<void> => {
    try {
      await run(writer);
    } catch (thrown) {
      const last = options.onError?.(thrown);
      if (last) await writer.send(last);
    } finally {
      clearInterval(heartbeat);
      stream.end();
    }
  };
  return { stream, done: finish() };
}
