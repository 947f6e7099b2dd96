import { modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";
import { JOB_STATUSES, JOB_TRIGGERS } from "./job.schema.ts";

/**
 * One row per run of a platform job. `scope` is always `platform`.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | how did the runs of this job end, newest first? |
 */
export const JobResults = new Entity(
  {
    model: modelOf("jobresult"),
    attributes: {
      scope: { type: ["platform"] as const, required: true },
      jobName: { type: "string", required: true },
      jobResultId: { type: "string", required: true },
      trigger: { type: JOB_TRIGGERS, required: true },
      startedBy: { type: "string", required: true },
      status: { type: JOB_STATUSES, required: true },
      startedAt: { type: "string", required: true },
      endedAt: { type: "string" },
      durationMs: { type: "number" },
      /** JSON text. */
      summary: { type: "string" },
      errorCode: { type: "string" },
      errorMessage: { type: "string" },
      requestId: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["scope", "jobName"] },
        sk: { field: "sk", composite: ["jobResultId"] },
      },
    },
  },
  ELECTRO,
);
