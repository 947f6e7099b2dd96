import type { StreamifyHandler } from "aws-lambda";
import { type CallResponse, callApi } from "./call.ts";
import type { Person } from "./people.ts";

/** A field of our canvas that passes what comes in to what goes out. */
export const echoCanvas = (label = "Start") => ({
  nodes: [
    {
      id: "start",
      type: "start",
      position: { x: 0, y: 0 },
      data: { label, outputs: [{ name: "text", type: "string" }] },
    },
    {
      id: "end",
      type: "end",
      position: { x: 400, y: 0 },
      data: { inputs: [{ name: "text", type: "string", ref: "start.text" }] },
    },
  ],
  edges: [{ source: "start", target: "end" }],
});

/** Calls each of the workflows, one after the other. */
export const callingCanvas = (...called: { workflowId: string; version?: string }[]) => {
  const names = ["start", ...called.map((_, index) => `call${index}`), "end"];
  return {
    nodes: names.map((id, index) => {
      const config = called[index - 1];
      return id.startsWith("call") ? { id, type: "sub_workflow", data: { config } } : { id, type: id, data: {} };
    }),
    edges: names.slice(1).map((target, index) => ({ source: names[index], target })),
  };
};

/** The workflow API of one space as one person sees it. */
export function workflowApi(handler: StreamifyHandler, spaceId: string, person?: Person) {
  return (method: string, path = "", body?: unknown, headers?: Record<string, string>): Promise<CallResponse> =>
    callApi(handler as never, {
      method,
      path: `/api/spaces/${spaceId}/workflows${path}`,
      ...(body === undefined ? {} : { body }),
      ...(headers ? { headers } : {}),
      ...(person ? { authorizer: person.authorizer } : {}),
    });
}
export type WorkflowApi = ReturnType<typeof workflowApi>;
