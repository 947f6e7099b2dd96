import type { Ctx } from "@weft/kernel/ctx";
import type { RawRequest } from "./raw.ts";
import type { Headers } from "./request.ts";

/** One request on its way through the pipeline. */
export interface RequestState {
  ctx: Ctx;
  headers: Headers;
  /** Work that outlives the answer's beginning; the invocation ends after it. */
  pending: Promise<void> | undefined;
  operation: string | undefined;
  startedAt: number;
}

/** What was parsed of a request so far. */
export interface Call {
  params: Record<string, unknown>;
  query: Record<string, unknown>;
  body: unknown;
  bodyHash: string;
  /** Of a raw route. */
  request?: RawRequest;
}
