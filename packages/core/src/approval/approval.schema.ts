import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { SPACE_ROLES } from "../identity/permissions.ts";

export const APPROVAL_STATUS = ["waiting", "approved", "rejected", "timed_out", "cancelled"] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUS)[number];
export const DECISION = ["approve", "reject"] as const;
export type Decision = (typeof DECISION)[number];
export const ANSWERED_VIA = ["api", "link"] as const;

/** Characters of what an approver says, and of the form's values as JSON. */
export const MAX_COMMENT = 10_000;
export const MAX_FORM_CHARS = 50_000;

export const ApprovalAnswer = z
  .object({
    userId: z.string(),
    decision: z.enum(DECISION),
    comment: z.string(),
    fields: z.record(z.string(), z.unknown()),
    answeredAt: z.string(),
    via: z.enum(ANSWERED_VIA),
  })
  .meta({ id: "ApprovalAnswer" });
export type ApprovalAnswer = z.output<typeof ApprovalAnswer>;

/** A field of the form, as the node declares it. */
export const ApprovalField = z
  .object({
    name: z.string(),
    type: z.unknown().meta({ description: "A declared type, as nodes of canvases have it." }),
    required: z.boolean().optional(),
    default: z.unknown().optional(),
    description: z.string().optional(),
  })
  .meta({ id: "ApprovalField" });

export const ApprovalSummary = z
  .object({
    id: idSchema("approval"),
    executionId: idSchema("execution"),
    workflowId: idSchema("workflow"),
    nodeId: z.string(),
    path: z.string(),
    title: z.string(),
    status: z.enum(APPROVAL_STATUS),
    required: z.int().meta({ description: "So many have to approve; one who rejects is enough to reject." }),
    approvals: z.int().meta({ description: "So many have approved." }),
    approvers: z
      .object({ userIds: z.array(z.string()), roles: z.array(z.enum(SPACE_ROLES)) })
      .meta({ description: "Who may answer; where both are empty, every member who may run workflows." }),
    isMine: z.boolean().meta({ description: "It waits for an answer of the caller." }),
    timeoutAt: z.string().nullable(),
    createdAt: z.string(),
    decidedAt: z.string().nullable(),
    decidedBy: z.string().nullable(),
  })
  .meta({ id: "ApprovalSummary" });
export type ApprovalSummary = z.output<typeof ApprovalSummary>;

export const Approval = ApprovalSummary.extend({
  message: z.string(),
  needsComment: z.boolean().meta({ description: "A rejection must say why." }),
  fields: z.array(ApprovalField).meta({ description: "The form that who approves fills in." }),
  answers: z.array(ApprovalAnswer),
}).meta({ id: "Approval" });
export type Approval = z.output<typeof Approval>;

export const ApprovalPage = pageOf(ApprovalSummary).meta({ id: "ApprovalPage" });

export const listApprovalsQuery = {
  ...pageQuery,
  status: z.enum(APPROVAL_STATUS).optional(),
  scope: z.enum(["all", "mine"]).default("all").meta({
    description: "`mine`: those that the caller is asked; with `status=waiting` those that wait for the caller.",
  }),
};
export interface ListApprovals {
  limit: number;
  cursor?: string | undefined;
  status?: ApprovalStatus | undefined;
  scope: "all" | "mine";
}

export const AnswerApproval = z
  .strictObject({
    decision: z.enum(DECISION),
    comment: z.string().max(MAX_COMMENT).default(""),
    fields: z.record(z.string().max(128), z.unknown()).default({}),
  })
  .meta({ id: "AnswerApproval" });
export type AnswerApproval = z.output<typeof AnswerApproval>;

export const ApprovalLink = z
  .object({
    path: z.string().meta({ description: "Below the API's address. Whoever has it can answer in the caller's name." }),
    expiresAt: z.string(),
  })
  .meta({ id: "ApprovalLink" });
export type ApprovalLink = z.output<typeof ApprovalLink>;
