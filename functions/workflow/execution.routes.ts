import type { ExecutionDeps } from "@weft/core/execution/deps";
import {
  EventList,
  ExecutionPage,
  ExecutionSummary,
  Execution as ExecutionView,
  listExecutionsQuery,
  NodeTracePage,
  ResumeExecution,
  RunWorkflow,
} from "@weft/core/execution/execution.schema";
import * as Execution from "@weft/core/execution/execution.service";
import { follow } from "@weft/core/execution/follow";
import { resolvePlan } from "@weft/core/workflow/workflow.plans";
import type { RunEvent } from "@weft/engine/run/io";
import { isTerminal } from "@weft/engine/status";
import { json } from "@weft/http/reply";
import { route } from "@weft/http/route";
import type { SseWriter } from "@weft/http/sse";
import type { Ctx } from "@weft/kernel/ctx";
import { readEnv } from "@weft/kernel/env";
import { pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { executionDeps } from "../execution/wiring.ts";

const SPACE = "/api/spaces/{spaceId}";
const ONE = `${SPACE}/executions/{executionId}` as const;
const tags = ["executions"] as const;
/** The function's own limit is 15 minutes; a run that is driven here is over or handed over long before. */
const API_TIME_MS = 290_000;
const VARIABLES = { RUN_WORKFLOW_ARN: z.string() };

function deps(onEvent?: (event: RunEvent) => void): ExecutionDeps {
  const { RUN_WORKFLOW_ARN: machineArn } = readEnv(VARIABLES);
  const until = performance.now() + API_TIME_MS;
  return executionDeps({ machineArn, timeLeftMs: () => until - performance.now(), ...(onEvent ? { onEvent } : {}) });
}

async function start(
  ctx: Ctx,
  workflowId: string,
  body: z.output<typeof RunWorkflow>,
  onEvent?: (event: RunEvent) => void,
): Promise<z.input<typeof ExecutionView>> {
  const target = await resolvePlan(ctx, { workflowId, version: body.version });
  return Execution.run(ctx, deps(onEvent), target, {
    input: body.input,
    mode: body.mode,
    trigger: { type: ctx.actor.type === "user" ? "manual" : "api" },
    ...(body.variables ? { variables: body.variables } : {}),
    ...(body.timeoutSeconds === undefined ? {} : { timeoutSeconds: body.timeoutSeconds }),
  });
}

/** Server-sent events of a run: `execution`, `node_started`, `node_finished`, `message`, and `done` as the last. */
async function sendRun(
  sse: SseWriter,
  ctx: Ctx,
  workflowId: string,
  body: z.output<typeof RunWorkflow>,
): Promise<void> {
  let sent = Promise.resolve();
  const send = (event: string, data: unknown): void => {
    sent = sent.then(() => sse.send({ event, data }));
  };
  const view = await start(ctx, workflowId, { ...body, mode: "stream" }, ({ type, ...data }) => send(type, data));
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
        "what happens as server-sent events.",
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
      if (body.mode === "stream") return stream.sse((sse) => sendRun(sse, ctx, params.workflowId, body));
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
    ({ ctx, params }) => Execution.get(ctx, deps(), params.executionId),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/nodes`,
      operationId: "listExecutionNodes",
      summary: "List what each node did",
      description: "Input and output of every node as it was, in the order in which the nodes began.",
      tags,
      permission: "execution:read",
      query: pageQuery,
      response: NodeTracePage,
    },
    ({ ctx, params, query }) => Execution.trace(ctx, deps(), params.executionId, query),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/stream`,
      operationId: "followExecution",
      summary: "Follow an execution as server-sent events",
      description:
        "`node` whenever a node's status changes, `execution` whenever the execution's does, `done` at its end.",
      tags,
      permission: "execution:read",
      stream: true,
      response: ExecutionSummary,
    },
    async ({ ctx, params, stream }) => {
      await Execution.exists(ctx, params.executionId);
      return stream.sse(async (sse) => {
        for await (const event of follow(ctx, deps(), params.executionId, sse.signal)) await sse.send(event);
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
    ({ ctx, params, body }) => Execution.resume(ctx, deps(), params.executionId, body),
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
    ({ ctx, params }) => Execution.cancel(ctx, deps(), params.executionId),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/retry`,
      operationId: "retryExecution",
      summary: "Run an ended execution again from where it failed",
      tags,
      permission: "workflow:run",
      audit: false,
      response: ExecutionSummary,
      status: 202,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Execution.retry(ctx, deps(), params.executionId),
  ),
];
