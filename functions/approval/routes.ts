import * as Link from "@weft/core/approval/approval.link";
import {
  AnswerApproval,
  ApprovalLink,
  ApprovalPage,
  Approval as ApprovalSchema,
  listApprovalsQuery,
} from "@weft/core/approval/approval.schema";
import * as Approval from "@weft/core/approval/approval.service";
import { route } from "@weft/http/route";
import * as z from "zod";
import { deps } from "./deps.ts";
import { answer, show } from "./link.ts";

const ALL = "/api/spaces/{spaceId}/approvals";
const ONE = `${ALL}/{approvalId}` as const;
const LINK = "/approvals/{token}";
const tags = ["approvals"] as const;
const FORM = "application/x-www-form-urlencoded";

export const routes = [
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listApprovals",
      summary: "Approvals of a space, newest first",
      description: "What approval nodes ask people. `status=waiting&scope=mine` is what waits for the caller.",
      tags,
      permission: "approval:read",
      query: listApprovalsQuery,
      response: ApprovalPage,
    },
    ({ ctx, query }) => Approval.list(ctx, query),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getApproval",
      summary: "An approval with its form and its answers",
      tags,
      permission: "approval:read",
      response: ApprovalSchema,
    },
    ({ ctx, params }) => Approval.get(ctx, params),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/answer`,
      operationId: "answerApproval",
      summary: "Approve or reject",
      description:
        "Only who is asked may answer, once. When as many as are required have approved, or one has rejected, the " +
        "execution goes on.",
      tags,
      permission: "approval:answer",
      body: AnswerApproval,
      response: ApprovalSchema,
      errors: ["conflict", "too_large"],
    },
    ({ ctx, params, body }) => Approval.answer(ctx, deps(), { ...params, ...body }),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/link`,
      operationId: "createApprovalLink",
      summary: "A link by which the caller can answer without signing in",
      description: "It is the caller's own, for this approval alone, and good for one answer within seven days.",
      tags,
      permission: "approval:answer",
      response: ApprovalLink,
      status: 201,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Link.issue(ctx, params),
  ),
  route(
    {
      method: "GET",
      path: LINK,
      operationId: "showApprovalLink",
      summary: "The page behind a link, which has no effect",
      tags,
      permission: "public",
      response: null,
      status: 200,
      errors: ["not_found"],
    },
    ({ ctx, params }) => show(ctx, params.token),
  ),
  route(
    {
      method: "POST",
      path: LINK,
      operationId: "answerApprovalLink",
      summary: "The answer that the page behind a link sends",
      tags,
      permission: "public",
      consumes: [FORM],
      body: z.record(z.string(), z.string()),
      response: null,
      status: 200,
      errors: ["not_found", "conflict"],
    },
    ({ ctx, params, body }) => answer(ctx, params.token, body),
  ),
];
