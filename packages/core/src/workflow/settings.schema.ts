import { idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import { admissionFields, TimeoutSeconds } from "./run-policy.schema.ts";
import { VERSION_PATTERN } from "./workflow.semver.ts";

const DAY_SECONDS = 86_400;
const MAX_SLICE_SECONDS = 60;
const MAX_SNAPSHOTS = 100;
export const DEFAULT_SNAPSHOTS = 50;

export const Version = z
  .string()
  .regex(VERSION_PATTERN, "expected a version such as v1.0.0")
  .meta({ id: "WorkflowVersionName", example: "v1.0.0" });

const settings = {
  /** How long one run may last, waits included. */
  timeoutSeconds: TimeoutSeconds,
  /** How long one state of the machine goes on along its segment; 0 is one effectful node a state. */
  sliceSeconds: z.int().min(0).max(MAX_SLICE_SECONDS),
  /** Always run on Step Functions, also where the caller waits for the answer. */
  durable: z.boolean(),
  /** The newest snapshots of the draft that are kept; a new one takes the place of the oldest. */
  snapshotsKept: z.int().min(1).max(MAX_SNAPSHOTS),
};
const onFailure = {
  /** A workflow of this space that is started with what is known of a run that failed or timed out. */
  errorWorkflowId: idSchema("workflow"),
  /** Left out, the one that is published when the run fails. */
  errorWorkflowVersion: Version,
};
export const WorkflowSettings = z
  .strictObject({
    timeoutSeconds: settings.timeoutSeconds.default(DAY_SECONDS),
    sliceSeconds: settings.sliceSeconds.default(0),
    durable: settings.durable.default(false),
    snapshotsKept: settings.snapshotsKept.default(DEFAULT_SNAPSHOTS),
    ...admissionFields,
    errorWorkflowId: onFailure.errorWorkflowId.optional(),
    errorWorkflowVersion: onFailure.errorWorkflowVersion.optional(),
  })
  .meta({ id: "WorkflowSettings" });
export type WorkflowSettings = z.output<typeof WorkflowSettings>;

/** Null takes away what may be absent. */
export const WorkflowSettingsChange = z
  .strictObject({
    ...settings,
    dedupe: admissionFields.dedupe.unwrap().nullable(),
    concurrency: admissionFields.concurrency.unwrap().nullable(),
    rateLimit: admissionFields.rateLimit.unwrap().nullable(),
    priority: admissionFields.priority.unwrap().nullable(),
    errorWorkflowId: onFailure.errorWorkflowId.nullable(),
    errorWorkflowVersion: onFailure.errorWorkflowVersion.nullable(),
  })
  .partial();
export type WorkflowSettingsChange = z.output<typeof WorkflowSettingsChange>;
