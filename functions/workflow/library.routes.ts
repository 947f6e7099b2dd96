import { LibraryPage, LibraryWorkflowDetail } from "@weft/core/workflow/workflow.history.schema";
import * as Library from "@weft/core/workflow/workflow.library";
import { listWorkflowsQuery } from "@weft/core/workflow/workflow.schema";
import { type Route, route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";

const { q, mode, tag } = listWorkflowsQuery;

/** What spaces show to everybody with an account. Copying from here is a copy task of one's own space. */
export const libraryRoutes: readonly Route[] = [
  route(
    {
      method: "GET",
      path: "/api/library/workflows",
      operationId: "listLibraryWorkflows",
      summary: "Public workflows of all spaces, newest first",
      tags: ["library"],
      permission: "library:read",
      query: { q, mode, tag, ...pageQuery },
      response: LibraryPage,
    },
    ({ query }) => Library.list(query),
  ),
  route(
    {
      method: "GET",
      path: "/api/library/workflows/{workflowId}",
      operationId: "getLibraryWorkflow",
      summary: "A public workflow with the canvas of its latest version",
      description: "It can be copied into a space of one's own, and runs there alone.",
      tags: ["library"],
      permission: "library:read",
      response: LibraryWorkflowDetail,
    },
    ({ params, ctx }) => Library.get(ctx, params),
  ),
];
