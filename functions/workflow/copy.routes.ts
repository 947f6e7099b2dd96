import { CopyTask, CopyTaskPage, CreateCopy } from "@weft/core/copy/copy.schema";
import * as Copy from "@weft/core/copy/copy.service";
import { json } from "@weft/http/reply";
import { type Route, route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";

const copies = { tags: ["copies"] } as const;
const ALL = "/api/spaces/{spaceId}/copies";
const ONE = `${ALL}/{copyTaskId}` as const;

const answer = (task: CopyTask) => json(task, { status: task.endedAt === null ? 202 : 200 });

/** Copies between spaces. They are served with the workflows, whose canvases they compile. */
export const copyRoutes: readonly Route[] = [
  route(
    {
      ...copies,
      method: "POST",
      path: ALL,
      operationId: "createCopy",
      summary: "Copy or move objects into this space",
      description:
        "What the objects need comes along, and references are rewritten to the copies. It takes the permissions of the " +
        "objects in both spaces. Answers 200 when the task is over and 202 when it goes on by itself. A copy has the " +
        "draft and the published version; a move has all versions, and deletes the named objects in their space once " +
        "everything is copied. From the library comes the latest version, as a draft and without secrets.",
      permission: "copy:write",
      idempotent: true,
      status: 202,
      body: CreateCopy,
      response: CopyTask,
      errors: ["conflict", "too_large"],
    },
    async ({ ctx, body }) => answer(await Copy.create(ctx, body)),
  ),
  route(
    {
      ...copies,
      method: "GET",
      path: ALL,
      operationId: "listCopies",
      summary: "Copies into this space, newest first",
      permission: "copy:read",
      query: pageQuery,
      response: CopyTaskPage,
    },
    ({ ctx, query }) => Copy.list(ctx, query),
  ),
  route(
    {
      ...copies,
      method: "GET",
      path: ONE,
      operationId: "getCopy",
      summary: "One copy and how far it is",
      permission: "copy:read",
      response: CopyTask,
    },
    ({ ctx, params }) => Copy.get(ctx, params),
  ),
  route(
    {
      ...copies,
      method: "POST",
      path: `${ONE}/cancel`,
      operationId: "cancelCopy",
      summary: "End a copy where it is; what is copied by then stays",
      permission: "copy:write",
      response: CopyTask,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Copy.cancel(ctx, params),
  ),
  route(
    {
      ...copies,
      method: "POST",
      path: `${ONE}/retry`,
      operationId: "retryCopy",
      summary: "Go on with a copy that failed or was cancelled",
      permission: "copy:write",
      status: 202,
      response: CopyTask,
      errors: ["conflict"],
    },
    async ({ ctx, params }) => answer(await Copy.retry(ctx, params)),
  ),
];
