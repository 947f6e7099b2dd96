import { modelOf, storedAttribute, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity } from "electrodb";
import type { SpaceRole } from "../identity/permissions.ts";
import { ANSWERED_VIA, DECISION } from "./approval.schema.ts";

/*
 * An approval is what one event of an execution asks people; its id follows from the event's.
 *
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Approval | primary | table | what is asked here, and how does it stand? |
 * | Approval | byStatus | gsi1 | what waits in this space, newest first? |
 * | Approval | bySpace | gsi2 | what was asked in this space, newest first? |
 * | ApprovalAnswer | primary | table | who has answered, and how? one answer a person |
 * | ApprovalLink | primary | table | whom is this link for? (space and id are in the token) |
 */

const approvalKey = {
  spaceId: { type: "string", required: true },
  approvalId: { type: "string", required: true },
} as const;

export const ApprovalEntity = new Entity(
  {
    model: modelOf("approval"),
    attributes: {
      ...approvalKey,
      executionId: { type: "string", required: true },
      eventId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      nodeId: { type: "string", required: true },
      path: { type: "string", required: true },
      title: { type: "string", required: true },
      /** What the event says: message, form and rules. */
      ask: { ...storedAttribute, required: true },
      /** `timed_out` and `cancelled` are written when the execution ends; a reader looks at the time itself. */
      status: { type: ["waiting", "approved", "rejected", "timed_out", "cancelled"] as const, required: true },
      userIds: { type: CustomAttributeType<readonly string[]>("any"), required: true },
      roles: { type: CustomAttributeType<readonly SpaceRole[]>("any"), required: true },
      required: { type: "number", required: true },
      approvals: { type: "number", required: true },
      answeredBy: { type: "set", items: "string" },
      /** Counts the times that it was opened: links of an earlier time are over. */
      opening: { type: "number", required: true },
      /** Until when a link may be good. */
      endsAt: { type: "string", required: true },
      timeoutAt: { type: "string" },
      /** Everybody who is to get a mail has one. */
      notifiedAt: { type: "string" },
      decidedAt: { type: "string" },
      decidedBy: { type: "string" },
      revision: { type: "number", required: true },
      createdAt: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "approvalId"] }, sk: { field: "sk", composite: [] } },
      byStatus: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "status"] },
        sk: { field: "gsi1sk", composite: ["approvalId"] },
      },
      bySpace: {
        index: "gsi2",
        pk: { field: "gsi2pk", composite: ["spaceId"] },
        sk: { field: "gsi2sk", composite: ["approvalId"] },
      },
    },
  },
  ELECTRO,
);

export const ApprovalAnswerEntity = new Entity(
  {
    model: modelOf("approvalanswer"),
    attributes: {
      ...approvalKey,
      userId: { type: "string", required: true },
      decision: { type: DECISION, required: true },
      comment: { type: "string", required: true },
      fields: { type: CustomAttributeType<Record<string, unknown>>("any"), required: true },
      answeredAt: { type: "string", required: true },
      via: { type: ANSWERED_VIA, required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "approvalId"] },
        sk: { field: "sk", composite: ["userId"] },
      },
    },
  },
  ELECTRO,
);

export const ApprovalLinkEntity = new Entity(
  {
    model: modelOf("approvallink"),
    attributes: {
      ...approvalKey,
      approvalLinkId: { type: "string", required: true },
      userId: { type: "string", required: true },
      opening: { type: "number", required: true },
      secretHash: { type: "string", required: true },
      /** Tries to send it by mail, and when one succeeded. */
      tries: { type: "number" },
      sentAt: { type: "string" },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "approvalLinkId"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);
