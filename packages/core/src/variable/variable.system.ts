/** Read-only variables of an execution, beside what whoever started it gave (`sys_uuid`, `sys_connector_id`). */
export const SYSTEM_VARIABLES = [
  { name: "sys_uuid", description: "The user that the execution is for" },
  { name: "sys_connector_id", description: "The connector that the user came by, where there is one" },
  { name: "sys_space_id", description: "The space" },
  { name: "sys_workflow_id", description: "The workflow that was started" },
  { name: "sys_workflow_version", description: "Its version; `draft` for a draft" },
  { name: "sys_execution_id", description: "The execution" },
  { name: "sys_trigger_type", description: "What started it" },
  { name: "sys_created_at", description: "When it was started, in UTC" },
  { name: "sys_event_depth", description: "Of one that an event started: how many events of runs stand above it" },
] as const;

interface Started {
  spaceId: string;
  executionId: string;
  workflowId: string;
  version?: string | undefined;
  trigger: { type: string };
  createdAt: string;
}

/** The system variables that follow from an execution itself: the same in every step of it. */
export function systemVariables(execution: Started): Record<string, string> {
  return {
    sys_space_id: execution.spaceId,
    sys_workflow_id: execution.workflowId,
    sys_workflow_version: execution.version ?? "draft",
    sys_execution_id: execution.executionId,
    sys_trigger_type: execution.trigger.type,
    sys_created_at: execution.createdAt,
  };
}
