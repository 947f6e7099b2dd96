import * as Debug from "@weft/core/execution/debug.service";
import {
  EventList,
  ExecutionPage,
  ExecutionSummary,
  Execution as ExecutionView,
  listExecutionsQuery,
  listNodesQuery,
  NodeTracePage,
  ResumeExecution,
  RetryExecution,
  RunWorkflow,
} from "@weft/core/execution/execution.schema";
import * as Execution from "@weft/core/execution/execution.service";
import { follow } from "@weft/core/execution/follow";
import { pinsForRun } from "@weft/core/workflow/workflow.pins";
import { type ResolvedPlan, resolvePlan } from "@weft/core/workflow/workflow.plans";
import { LATEST } from "@weft/core/workflow/workflow.schema";
import type { RunEvent } from "@weft/engine/run/io";
import { isTerminal } from "@weft/engine/status";
import { json } from "@weft/http/reply";
import { route } from "@weft/http/route";
import type { SseWriter } from "@weft/http/sse";
import type { Ctx } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { pageQuery } from "@weft/kernel/page";
import type * as z from "zod";
import { apiDeps } from "../execution/api-deps.ts";

export const SPACE = "/api/spaces/{spaceId}";
export const ONE = `${SPACE}/executions/{executionId}` as const;
const tags = ["executions"] as const;
/** The plan of the version that a body names. */
export function planToRun(ctx: Ctx, workflowId: string, version: string | undefined): Promise<ResolvedPlan> {
  return resolvePlan(ctx, { workflowId, version: version === LATEST ? undefined : version });
}

async function start(
  ctx: Ctx,
  workflowId: string,
  body: z.output<typeof RunWorkflow>,
  onEvent?: (event: RunEvent) => void,
): Promise<z.input<typeof ExecutionView>> {
  const target = await planToRun(ctx, workflowId, body.version);
  const { until } = body;
  if (until !== undefined) Debug.checkUntil(target, until);
  if (body.pins && target.version !== null && until === undefined) {
    throw invalidField("pins", "a whole run of a published version pins nothing");
  }
  return Execution.run(ctx, apiDeps(onEvent), target, {
    ...(await requestOf(ctx, target, body)),
    trigger: triggerOf(ctx),
    ...(until === undefined ? {} : { part: { untilNodeId: until } }),
    ...(body.priority === undefined ? {} : { priority: body.priority }),
    ...(body.dedupe ? { dedupe: body.dedupe } : {}),
  });
}

/** Who asks: a person, or a program with a key. */
export function triggerOf(ctx: Ctx): Execution.RunRequest["trigger"] {
  return { type: ctx.actor.type === "user" ? "manual" : "api" };
}

/** What a body says of a run of this target. */
export async function requestOf(
  ctx: Ctx,
  target: ResolvedPlan,
  body: Pick<z.output<typeof RunWorkflow>, "input" | "mode" | "variables" | "timeoutSeconds" | "pins" | "usePins">,
): Promise<Omit<Execution.RunRequest, "trigger">> {
  const { workflowId, plan, version } = target;
  const { input, mode, variables, timeoutSeconds, usePins } = body;
  const pins = await pinsForRun(ctx, { workflowId, plan, isDraft: version === null, usePins, given: body.pins });
  return {
    input,
    mode,
    ...(variables ? { variables } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(pins ? { pins } : {}),
  };
}

/** Server-sent events of a run: `node_started`, `node_finished`, `progress`, `message`, and `done` as the last. */
export async function sendRun(
  sse: SseWriter,
  begin: (onEvent: (event: RunEvent) => void) => Promise<unknown>,
): Promise<void> {
  let sent = Promise.resolve();
  const send = (event: string, data: unknown): void => {
    sent = sent.then(() => sse.send({ event, data }));
  };
  const view = await begin(({ type, ...data }) => send(type, data));
  await sent;
  await sse.send({ event: "done", data: view });
}

export const executionRoutes = [
  route(
    {
      method: "POST",
      path: `${SPACE}/workflows/{workflowId}/run`,
      operationId: "runWorkflow",
      summary: "Run a workflow",
      description:
        "`async` (the default) answers 202 at once and runs on Step Functions, node by node. `sync` answers when the run " +
        "is over, or 202 when it waits for something or takes longer than 240 seconds; it goes on then. `stream` sends " +
        "what happens as server-sent events. A run that has to wait for others of its workflow is `queued`, whatever " +
        "its mode; `rate_limited` says that a limit of the workflow turned it away.",
      tags,
      permission: "workflow:run",
      audit: false,
      idempotent: true,
      stream: true,
      body: RunWorkflow,
      response: ExecutionView,
      errors: ["unprocessable"],
    },
    async ({ ctx, params, body, stream }) => {
      if (body.mode === "stream") {
        return stream.sse((sse) => sendRun(sse, (onEvent) => start(ctx, params.workflowId, body, onEvent)));
      }
      const view = await start(ctx, params.workflowId, body);
      return json(view, { status: isTerminal(view.status) ? 200 : 202 });
    },
  ),
  route(
    {
      method: "GET",
      path: `${SPACE}/executions`,
      operationId: "listExecutions",
      summary: "List executions",
      tags,
      permission: "execution:read",
      query: listExecutionsQuery,
      response: ExecutionPage,
    },
    ({ ctx, query }) => Execution.list(ctx, query),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getExecution",
      summary: "Get an execution",
      tags,
      permission: "execution:read",
      response: ExecutionView,
    },
    ({ ctx, params }) => Execution.get(ctx, apiDeps(), params.executionId),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/nodes`,
      operationId: "listExecutionNodes",
      summary: "List what each node did",
      description:
        "Input and output of every node as it was, in the order in which the nodes began. With `under`, turn by turn, " +
        "what was done inside of a loop, a batch or a call. On Step Functions the turns show nodes with effects; the " +
        "others are computed and not kept.",
      tags,
      permission: "execution:read",
      query: listNodesQuery,
      response: NodeTracePage,
    },
    ({ ctx, params, query }) => Execution.trace(ctx, apiDeps(), params.executionId, query),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/children`,
      operationId: "listExecutionChildren",
      summary: "List the executions that an execution called or started",
      tags,
      permission: "execution:read",
      query: pageQuery,
      response: ExecutionPage,
    },
    ({ ctx, params, query }) => Execution.children(ctx, params.executionId, query),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/stream`,
      operationId: "followExecution",
      summary: "Follow an execution as server-sent events",
      description:
        "`node` whenever the status or the turns of a node change that is not inside of another, `execution` whenever " +
        "the execution's status or progress does, `done` at its end.",
      tags,
      permission: "execution:read",
      stream: true,
      response: ExecutionSummary,
    },
    async ({ ctx, params, stream }) => {
      await Execution.summaryOf(ctx, params.executionId);
      return stream.sse(async (sse) => {
        for await (const event of follow(ctx, apiDeps(), params.executionId, sse.signal)) await sse.send(event);
      });
    },
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/events`,
      operationId: "listExecutionEvents",
      summary: "List what an execution asked",
      tags,
      permission: "execution:read",
      response: EventList,
    },
    async ({ ctx, params }) => ({ items: await Execution.events(ctx, params.executionId) }),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/resume`,
      operationId: "resumeExecution",
      summary: "Answer what an execution waits for",
      tags,
      permission: "workflow:run",
      audit: false,
      body: ResumeExecution,
      response: ExecutionSummary,
      status: 202,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Execution.resume(ctx, apiDeps(), params.executionId, body),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/cancel`,
      operationId: "cancelExecution",
      summary: "Cancel an execution",
      description: "When this is answered with 202, no further node of the execution starts.",
      tags,
      permission: "execution:cancel",
      response: ExecutionSummary,
      status: 202,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Execution.cancel(ctx, apiDeps(), params.executionId),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/retry`,
      operationId: "retryExecution",
      summary: "Run an ended execution again, from where it failed or from a node",
      description:
        "Without `fromNode` an execution that did not succeed goes on where it ended. With it a new execution is made, on " +
        "the same version: what does not follow from the node is taken over and not run again.",
      tags,
      permission: "workflow:run",
      audit: false,
      idempotent: true,
      body: RetryExecution,
      response: ExecutionSummary,
      status: 202,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) =>
      body.fromNode === undefined
        ? Execution.retry(ctx, apiDeps(), params.executionId)
        : Debug.retryFrom(ctx, apiDeps(), params.executionId, { fromNode: body.fromNode, trigger: triggerOf(ctx) }),
  ),
];
