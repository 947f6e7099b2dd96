import { fileIdOf, isFileType } from "@weft/engine/data/files";
import type { FileReference, WebhookResponse } from "@weft/engine/node";
import type { Field } from "@weft/engine/plan";
import { isTerminal, type RunMode } from "@weft/engine/status";
import { isRecord } from "@weft/engine/values/json";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { derivedId, type Id } from "@weft/kernel/ids";
import type { ExecutionDeps } from "../execution/deps.ts";
import type { Execution } from "../execution/execution.schema.ts";
import * as Executions from "../execution/execution.service.ts";
import { createFile } from "../file/file.content.ts";
import { findFiring, firingIdOf } from "./trigger.firing.ts";
import { type Fired, fire } from "./trigger.service.ts";
import type { WebhookRow } from "./webhook.entity.ts";
import type { Claim } from "./webhook.key.ts";
import type { WebhookRun } from "./webhook.schema.ts";

/** A file that came in a body, and where it stands there. */
export interface IncomingFile {
  name: string;
  contentType: string;
  bytes: Uint8Array;
  put(file: FileReference): void;
}

/** What the mapping of a webhook reads. */
export interface CallData {
  method: string;
  path: string;
  params: Record<string, string>;
  query: Record<string, unknown>;
  headers: Record<string, string>;
  body: unknown;
  rawBody?: string;
  files: FileReference[];
  contentType: string | null;
  ip: string;
  webhookId: string;
  /** Of the caller's token. */
  claims?: Record<string, unknown>;
}

export interface WebhookCall {
  data: CallData;
  files: readonly IncomingFile[];
  isTest: boolean;
}

const DRAFT = "draft";
const LOOK_MS = 100;
const MAX_LOOK_MS = 1_000;
const TRACE_PAGE = 100;

/** Starts the run of a call, as `claim` names it. Files are kept first: the run only ever sees files that are there. */
export async function startCall(
  ctx: Ctx,
  deps: ExecutionDeps,
  row: WebhookRow,
  { data, files, isTest }: WebhookCall,
  { executionId, isRepeat }: Claim,
  mode: RunMode,
): Promise<Fired> {
  const { webhookId, workflowId } = row;
  const version = isTest ? DRAFT : row.version;
  for (const [index, { name, contentType, bytes, put }] of files.entries()) {
    const fileId = derivedId(executionId, `file:${index}`).replace(/^[a-z]+/, "fil") as Id<"file">;
    const file = await createFile(ctx, { fileId, name, contentType, bytes, source: "webhook", sourceId: webhookId });
    const reference = { id: file.id, name: file.name, contentType: file.contentType, size: file.size };
    put(reference);
    data.files.push(reference);
  }
  const trigger = {
    type: "webhook" as const,
    triggerId: webhookId,
    workflowId,
    ...(version === undefined ? {} : { version }),
    policy: isTest ? {} : row.policy,
    ...(row.input === undefined ? {} : { input: row.input }),
  };
  const input = row.input === undefined ? await defaultInput(ctx, deps, data, { workflowId, version }) : {};
  return fire(ctx, deps, trigger, { data: { ...data }, input, executionId, isFirst: !isRepeat, mode });
}

/**
 * The input without a mapping: of what came, what the start node has fields for by these names; otherwise the members of
 * the body, or of the query where there is no body, and the parameters of the path.
 */
async function defaultInput(
  ctx: Ctx,
  deps: ExecutionDeps,
  data: CallData,
  reference: { workflowId: string; version: string | undefined },
): Promise<Record<string, unknown>> {
  const { workflowId, version } = reference;
  const spaceId = requireSpace(ctx);
  const { plan } = await deps.target({ spaceId, workflowId, ...(version === undefined ? {} : { version }) });
  const names = plan.inputs.map(({ name }) => name);
  const { body, query, params } = data;
  if (names.some((name) => name === "body" || name === "query" || name === "headers")) {
    return Object.fromEntries(Object.entries(data).filter(([name]) => names.includes(name)));
  }
  const members = isRecord(body) ? body : body === null ? query : { body };
  const input = { ...members, ...params };
  checkFiles(input, plan.inputs, new Set(data.files.map(({ id }) => id)));
  return input;
}

/** A caller may hand over files that it sends, and no file of the space whose id it happens to know. */
function checkFiles(input: Record<string, unknown>, fields: readonly Field[], own: ReadonlySet<string>): void {
  for (const { name, type } of fields) {
    const isFiles = isFileType(type) || (type.items !== undefined && isFileType(type.items));
    if (!isFiles || !Object.hasOwn(input, name)) continue;
    const value = input[name];
    const named = (Array.isArray(value) ? value : [value]).map(fileIdOf);
    if (named.some((id) => id !== undefined && !own.has(id))) {
      throw invalidField(`input.${name}`, "takes files that come with the call");
    }
  }
}

/** The run when it is over, or as it is after `limitMs`. */
export async function runAfter(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
  limitMs: number,
): Promise<Execution> {
  const until = performance.now() + limitMs;
  for (let pause = LOOK_MS; ; pause = Math.min(pause * 1.5, MAX_LOOK_MS)) {
    const view = await Executions.get(ctx, deps, executionId);
    if (isTerminal(view.status) || performance.now() >= until) return view;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** What the run's `respond_to_webhook` node said; undefined where none came to its turn. */
export async function responseOf(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
): Promise<WebhookResponse | undefined> {
  let cursor: string | undefined;
  do {
    const page = await Executions.trace(ctx, deps, executionId, { limit: TRACE_PAGE, cursor, depth: "all" });
    const found = page.items.find(({ type, status }) => type === "respond_to_webhook" && status === "succeeded");
    if (found) return found.output as WebhookResponse;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return undefined;
}

/** A run as whoever has its link sees it: whether it is over and what it gave, nothing of its inside. Throws `not_found`. */
export async function runOf(ctx: Ctx, deps: ExecutionDeps, executionId: string): Promise<WebhookRun> {
  const firing = await findFiring({ spaceId: requireSpace(ctx), firingId: firingIdOf(executionId) });
  if (firing && firing.status !== "started") {
    const isDone = firing.status !== "pending";
    const error = firing.error ? { code: firing.error.code, message: "the run was not started" } : null;
    return { executionId, status: firing.status, isDone, output: null, error };
  }
  const { status, output } = await Executions.get(ctx, deps, firing?.executionId ?? executionId);
  const isDone = isTerminal(status);
  const error =
    isDone && status !== "succeeded" ? { code: status, message: `the run ${WORDS[status] ?? "ended"}` } : null;
  return { executionId, status, isDone, output: status === "succeeded" ? output : null, error };
}

const WORDS: Readonly<Record<string, string>> = {
  failed: "failed",
  cancelled: "was cancelled",
  timed_out: "took too long",
};
