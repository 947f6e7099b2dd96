import type { ExecutionDeps } from "@weft/core/execution/deps";
import type { Execution } from "@weft/core/execution/execution.schema";
import type { StartedRun } from "@weft/core/trigger/trigger.run";
import type { Fired } from "@weft/core/trigger/trigger.service";
import { responseOf, runAfter, startCall, type WebhookCall } from "@weft/core/trigger/webhook.call";
import { type Note, note } from "@weft/core/trigger/webhook.delivery";
import { type Claim, releaseRun } from "@weft/core/trigger/webhook.key";
import { endTest } from "@weft/core/trigger/webhook.listen";
import type { Arrived } from "@weft/core/trigger/webhook.schema";
import type { WebhookResponse } from "@weft/engine/node";
import type { RunEvent } from "@weft/engine/run/io";
import { isTerminal, type RunMode } from "@weft/engine/status";
import { log } from "@weft/http/log";
import { Reply, type ReplyOptions } from "@weft/http/reply";
import { errorLog } from "@weft/http/respond";
import type { SseWriter } from "@weft/http/sse";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, messageOf } from "@weft/kernel/errors";
import { apiDeps } from "../../execution/api-deps.ts";
import { type Hook, immediateReply, jsonReply, nodeReply, outputReply, ownHeaders, pendingReply } from "./answer.ts";

/** A run that went on elsewhere is waited for this much longer: most pauses are short. */
const HANDED_OVER_MS = 15_000;

/** A call that was let in, and the run that it is for. */
export interface Accepted {
  hook: Hook;
  call: WebhookCall;
  claim: Claim;
  arrived: Arrived;
}

type OnEvent = (event: RunEvent) => void;

/** Starts the run of a call and answers as the webhook's settings say. */
export function answerCall(ctx: Ctx, accepted: Accepted, options: ReplyOptions): Promise<Reply<never>> | Reply<never> {
  switch (accepted.hook.row.response.mode) {
    case "immediate":
      return atOnce(ctx, accepted, options);
    case "last_node":
    case "respond_node":
      return whenDone(ctx, accepted, options);
    case "stream":
      return streamed(ctx, accepted, options);
  }
}

async function atOnce(ctx: Ctx, accepted: Accepted, options: ReplyOptions): Promise<Reply<never>> {
  const fired = await fireNoted(ctx, accepted, "async");
  const other = otherThanRun(accepted, fired, options);
  if (other) return other;
  return immediateReply(accepted.hook, idOf(fired), "accepted", options);
}

/**
 * Waits for the run's end, or for what its node says, whichever is first. What goes on then goes on behind the answer.
 */
async function whenDone(ctx: Ctx, accepted: Accepted, options: ReplyOptions): Promise<Reply<never>> {
  const { hook, claim } = accepted;
  const { response } = hook.row;
  const isByNode = response.mode === "respond_node";
  const limitMs = response.timeoutSeconds * 1000;
  const startedAt = performance.now();
  const said = Promise.withResolvers<WebhookResponse>();
  const onEvent: OnEvent = (event) => {
    if (event.type === "response" && isByNode) said.resolve(event.response);
  };
  const run = fireNoted(ctx, accepted, "sync", onEvent);
  const timer = Promise.withResolvers<undefined>();
  const timeout = setTimeout(() => timer.resolve(undefined), limitMs);
  try {
    const first = await Promise.race([
      said.promise.then((response) => ({ response })),
      run.then((done) => ({ done })),
      timer.promise,
    ]);
    if (first === undefined) return pendingReply(hook, claim.executionId, "running", { ...options, after: run });
    if ("response" in first) return nodeReply(hook, first.response, { ...options, after: run });
    const other = otherThanRun(accepted, first.done, options);
    if (other) return other;
    const deps = apiDeps();
    const executionId = idOf(first.done);
    const left = Math.max(0, limitMs - (performance.now() - startedAt));
    const view = await endOf(ctx, deps, first.done as StartedRun, claim, left);
    if (!isTerminal(view.status)) return pendingReply(hook, executionId, view.status, options);
    const answered = isByNode ? await responseOf(ctx, deps, executionId) : undefined;
    if (answered) return nodeReply(hook, answered, options);
    if (view.status !== "succeeded") return failedReply(ctx, executionId, "the run did not succeed", options);
    if (isByNode) return failedReply(ctx, executionId, "the run ended without an answer", options);
    return outputReply(hook, view.output, options);
  } finally {
    clearTimeout(timeout);
  }
}

/** Messages as they come, then how it ended: as events, or as nothing but their text. */
function streamed(ctx: Ctx, accepted: Accepted, options: ReplyOptions): Reply<never> {
  const { hook } = accepted;
  const { response } = hook.row;
  const given = { ...options, headers: { ...ownHeaders(hook), ...options.headers }, status: response.status ?? 200 };
  if (response.contentType?.startsWith("text/plain")) {
    const source = texts((onMessage) => drive(ctx, accepted, onMessage));
    return new Reply<never>({ kind: "bytes", source, contentType: response.contentType }, given);
  }
  const run = async (sse: SseWriter): Promise<void> => {
    let sent = Promise.resolve();
    const end = await drive(ctx, accepted, (content) => {
      sent = sent.then(() => sse.send({ event: "message", data: { content } }));
    });
    await sent;
    await sse.send(end);
  };
  return new Reply<never>({ kind: "sse", run }, given);
}

async function drive(ctx: Ctx, accepted: Accepted, onMessage: (content: string) => void) {
  const onEvent: OnEvent = (event) => {
    if (event.type === "message") onMessage(event.content);
  };
  const { hook, claim } = accepted;
  const done = await fireNoted(ctx, accepted, "stream", onEvent);
  if (done.status !== "started") return { event: "done", data: { status: done.status, output: null } };
  const view = await endOf(ctx, apiDeps(), done, claim, hook.row.response.timeoutSeconds * 1000);
  const { id: executionId, status } = view;
  if (status === "succeeded") return { event: "done", data: { executionId, status, output: view.output } };
  if (isTerminal(status)) return { event: "error", data: failure(ctx, executionId, "the run did not succeed") };
  return { event: "done", data: { executionId, status, output: null } };
}

/** The run at its end, or as far as it came: a repeat waits for it as the first call did, one that went on elsewhere a little. */
async function endOf(
  ctx: Ctx,
  deps: ExecutionDeps,
  fired: StartedRun,
  claim: Claim,
  limitMs: number,
): Promise<Execution> {
  if (fired.status === "started" && !claim.run && isTerminal(fired.execution.status)) return fired.execution;
  return runAfter(ctx, deps, idOf(fired), claim.isRepeat ? limitMs : Math.min(limitMs, HANDED_OVER_MS));
}

/** Texts in the order in which they come, until the work is over. */
async function* texts(work: (push: (text: string) => void) => Promise<unknown>): AsyncGenerator<string> {
  const waiting: string[] = [];
  let wake = Promise.withResolvers<void>();
  let isOver = false;
  const over = work((text) => {
    waiting.push(text);
    wake.resolve();
  }).finally(() => {
    isOver = true;
    wake.resolve();
  });
  while (!isOver || waiting.length > 0) {
    const next = waiting.shift();
    if (next !== undefined) yield next;
    else {
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  }
  await over;
}

/** Fires, and notes what came of it whatever that is. A call that starts nothing frees its key. */
async function fireNoted(ctx: Ctx, accepted: Accepted, mode: RunMode, onEvent?: OnEvent): Promise<Fired> {
  const { hook, call, claim, arrived } = accepted;
  const { row } = hook;
  if (claim.run) {
    const execution = { id: claim.executionId, status: claim.run.status };
    await noted(ctx, accepted, { outcome: "repeated", executionId: claim.executionId });
    return { status: "started", execution } as Fired;
  }
  let fired: Fired;
  try {
    fired = await startCall(ctx, apiDeps(onEvent), row, call, claim, mode);
  } catch (thrown) {
    const error = thrown instanceof AppError ? thrown : new AppError("internal", "internal error", { cause: thrown });
    await releaseRun(row, claim);
    await noted(ctx, accepted, { outcome: "failed", error: { code: error.code, message: messageOf(error) } });
    throw thrown;
  }
  const outcome = fired.status === "started" ? (claim.isRepeat ? "repeated" : "started") : fired.status;
  const firingId = fired.status === "deferred" ? fired.firing.id : undefined;
  const executionId = fired.status === "started" ? fired.execution.id : undefined;
  await noted(ctx, { hook, call, claim, arrived }, { outcome, executionId, firingId });
  return fired;
}

/** That a note of a call could not be written is no failure of the call. */
async function noted(
  ctx: Ctx,
  { hook, call, arrived }: Accepted,
  given: Omit<Note, "arrived" | "isTest">,
): Promise<void> {
  try {
    await note(ctx, hook.row, { ...given, arrived, isTest: call.isTest });
    if (!call.isTest) return;
    const { executionId, error } = given;
    await endTest(ctx, hook.row, error ? { error } : { executionId: executionId ?? "" });
  } catch (thrown) {
    log.error("a webhook's delivery was not noted", { requestId: ctx.requestId, error: errorLog(thrown) });
  }
}

function idOf(fired: Fired): string {
  return fired.status === "started" ? fired.execution.id : "";
}

/** The answer where no run began now: it was put off, or passed over. */
function otherThanRun(accepted: Accepted, fired: Fired, options: ReplyOptions): Reply<never> | undefined {
  const { hook } = accepted;
  if (fired.status === "deferred") return immediateReply(hook, fired.firing.executionId, "deferred", options);
  if (fired.status === "skipped") return jsonReply({ status: "skipped" }, { ...options, status: 202 });
  return undefined;
}

function failure(ctx: Ctx, executionId: string, message: string) {
  return { error: { code: "internal", message, requestId: ctx.requestId, details: { executionId } } };
}

/** What went wrong inside is for who may read the execution. */
function failedReply(ctx: Ctx, executionId: string, message: string, options: ReplyOptions): Reply<never> {
  return jsonReply(failure(ctx, executionId, message), { ...options, status: 500 });
}
