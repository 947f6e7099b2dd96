import * as Debug from "@weft/core/execution/debug.service";
import {
  type ExecutionSummary,
  Execution as ExecutionView,
  NodeExecution,
  ReplayExecution,
  RunNode,
} from "@weft/core/execution/execution.schema";
import * as Execution from "@weft/core/execution/execution.service";
import * as Pins from "@weft/core/workflow/workflow.pins";
import { NodeId, Pin, PinnedOutput, PinnedOutputList } from "@weft/core/workflow/workflow.pins.schema";
import { type ResolvedPlan, resolvePlan } from "@weft/core/workflow/workflow.plans";
import { isTerminal } from "@weft/engine/status";
import { json } from "@weft/http/reply";
import { route } from "@weft/http/route";
import type { Ctx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import { apiDeps } from "../execution/api-deps.ts";
import { ONE, planToRun, requestOf, SPACE, sendRun, triggerOf } from "./execution.routes.ts";

const WORKFLOW = `${SPACE}/workflows/{workflowId}` as const;
const PIN = `${WORKFLOW}/draft/pins/{nodeId}` as const;
const tags = ["debugging"] as const;

/** What a replay of an execution runs. */
function targetOf(ctx: Ctx, past: ExecutionSummary, version: ReplayExecution["version"]): Promise<ResolvedPlan> {
  const { workflowId } = past;
  if (version !== "same") return planToRun(ctx, workflowId, version);
  if (past.version !== null) return resolvePlan(ctx, { workflowId, version: past.version });
  return resolvePlan(ctx, { workflowId, commitId: (past.commitId ?? "") as Id<"commit"> });
}

export const debugRoutes = [
  route(
    {
      method: "POST",
      path: `${WORKFLOW}/nodes/{nodeId}/run`,
      operationId: "runNode",
      summary: "Run one node alone",
      description:
        "Of the draft, or of a version; a node inside of a loop or a batch too, and one of these with its body. `input` " +
        "holds the node's inputs by name. What the node reads of others comes from pinned outputs. The run is an execution " +
        "that `GET /executions?kind=node` lists; it is no proof that the workflow may be published.",
      tags,
      permission: "workflow:run",
      audit: false,
      idempotent: true,
      stream: true,
      params: { nodeId: NodeId },
      body: RunNode,
      response: NodeExecution,
      errors: ["unprocessable", "too_large"],
    },
    async ({ ctx, params, body, stream }) => {
      const { workflowId, nodeId } = params;
      const target = await planToRun(ctx, workflowId, body.version);
      const request = { ...(await requestOf(ctx, target, body)), nodeId };
      if (body.mode === "stream") {
        return stream.sse((sse) => sendRun(sse, (onEvent) => Debug.runNode(ctx, apiDeps(onEvent), target, request)));
      }
      const view = await Debug.runNode(ctx, apiDeps(), target, request);
      return json(view, { status: isTerminal(view.status) ? 200 : 202 });
    },
  ),
  route(
    {
      method: "GET",
      path: `${WORKFLOW}/draft/pins`,
      operationId: "listPins",
      summary: "Outputs that are pinned in the draft",
      tags,
      permission: "workflow:read",
      response: PinnedOutputList,
    },
    async ({ ctx, params }) => ({ items: await Pins.list(ctx, params) }),
  ),
  route(
    {
      method: "PUT",
      path: PIN,
      operationId: "setPin",
      summary: "Pin the output of a node of the draft",
      description: "Runs of the draft then do not run the node. Published versions know nothing of it.",
      tags,
      permission: "workflow:write",
      params: { nodeId: NodeId },
      body: Pin,
      response: PinnedOutput,
      errors: ["unprocessable", "too_large"],
    },
    ({ ctx, params, body }) => Pins.set(ctx, { ...params, ...body }),
  ),
  route(
    {
      method: "DELETE",
      path: PIN,
      operationId: "removePin",
      summary: "Unpin the output of a node",
      tags,
      permission: "workflow:write",
      params: { nodeId: NodeId },
      response: null,
    },
    async ({ ctx, params }) => {
      await Pins.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/replay`,
      operationId: "replayExecution",
      summary: "Run what an execution ran once more, as a new execution",
      description:
        "With the same input or another one, on the version that ran then, the latest, a named one or the draft.",
      tags,
      permission: "workflow:run",
      audit: false,
      idempotent: true,
      stream: true,
      body: ReplayExecution,
      response: ExecutionView,
      errors: ["unprocessable"],
    },
    async ({ ctx, params, body, stream }) => {
      const { executionId } = params;
      const { version, ...given } = body;
      const target = await targetOf(ctx, await Execution.summaryOf(ctx, executionId), version);
      const { pins } = await requestOf(ctx, target, { input: {}, mode: body.mode, usePins: true });
      const request = { ...given, target, trigger: triggerOf(ctx), pins };
      if (body.mode === "stream") {
        return stream.sse((sse) =>
          sendRun(sse, (onEvent) => Debug.replay(ctx, apiDeps(onEvent), executionId, request)),
        );
      }
      const view = await Debug.replay(ctx, apiDeps(), executionId, request);
      return json(view, { status: isTerminal(view.status) ? 200 : 202 });
    },
  ),
];
