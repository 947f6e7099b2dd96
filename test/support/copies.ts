import type { Id } from "@weft/kernel/ids";
import type { StreamifyHandler } from "aws-lambda";
import { expect } from "vitest";
import { type CallResponse, callApi } from "./call.ts";
import { makeSpace, type Person } from "./people.ts";
import { echoCanvas, type WorkflowApi, workflowApi } from "./workflows.ts";

/** A space as one person sees it. */
export interface CopySpace {
  id: Id<"space">;
  api: WorkflowApi;
}

interface Task {
  objects: { sourceId: string; targetId: string }[];
}

/** What tests of copies do over and over, as one person. */
export function copyWorld(handler: StreamifyHandler, person: () => Person) {
  const copies = (spaceId: string, method: string, path = "", body?: unknown, who = person()): Promise<CallResponse> =>
    callApi(handler as never, {
      method,
      path: `/api/spaces/${spaceId}/copies${path}`,
      ...(body === undefined ? {} : { body }),
      authorizer: who.authorizer,
    });
  const spaceOf = async (who: Person): Promise<CopySpace> => {
    const id = await makeSpace([{ person: who, role: "member" }]);
    return { id, api: workflowApi(handler, id, who) };
  };
  const copyTo = (target: CopySpace, source: CopySpace, ids: readonly string[], more: object = {}, who = person()) =>
    copies(target.id, "POST", "", { sourceSpaceId: source.id, objects: objects(...ids), ...more }, who);
  return {
    copies,
    copyTo,
    spaceOf,
    newSpace: () => spaceOf(person()),
    move: (target: CopySpace, source: CopySpace, ids: readonly string[]) =>
      copyTo(target, source, ids, { mode: "move" }),
  };
}

export const objects = (...ids: string[]) => ids.map((id) => ({ kind: "workflow", id }));

export async function make({ api }: CopySpace, canvas: unknown = echoCanvas(), more: object = {}): Promise<string> {
  const { status, json } = await api("POST", "", { name: "Flow", canvas, ...more });
  expect(status).toBe(201);
  return json.id;
}

export async function publish({ api }: CopySpace, id: string, version?: string): Promise<void> {
  const answer = await api("POST", `/${id}/publish`, { force: true, ...(version ? { version } : {}) });
  expect(answer.status, answer.text).toBe(201);
}

export const list = async ({ api }: CopySpace, query = "") => (await api("GET", query)).json.items;

export function targetOf(task: Task, sourceId: string): string {
  return task.objects.find((item) => item.sourceId === sourceId)?.targetId ?? "none";
}
