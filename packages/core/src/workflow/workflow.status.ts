import { AppError } from "@weft/kernel/errors";
import type { EntityItem } from "electrodb";
import type { WorkflowEntity } from "./workflow.entity.ts";
import type { WorkflowStatus } from "./workflow.schema.ts";

type Row = EntityItem<typeof WorkflowEntity>;

/** What people may make of a workflow that was never published, and of one that was. Publishing makes a draft active. */
const CHANGES: Record<"unpublished" | "published", Partial<Record<WorkflowStatus, readonly WorkflowStatus[]>>> = {
  unpublished: { draft: ["archived"], archived: ["draft"] },
  published: { active: ["paused", "archived"], paused: ["active", "archived"], archived: ["active", "paused"] },
};

/** Throws `unprocessable`, with what is possible instead, for a change of status that there is not. */
export function checkStatusChange(workflow: Pick<Row, "status" | "currentVersion">, to: WorkflowStatus): void {
  const { status, currentVersion } = workflow;
  const allowed = CHANGES[currentVersion === undefined ? "unpublished" : "published"][status] ?? [];
  if (status === to || allowed.includes(to)) return;
  const why = currentVersion === undefined ? "a workflow that was never published" : "a published workflow";
  const message = `status: ${why} does not go from ${status} to ${to}`;
  throw new AppError("unprocessable", message, { details: { field: "status", status, allowed } });
}
