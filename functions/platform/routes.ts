import { ListLoginLogs, ListOperationLogs, LoginLog, OperationLog } from "@weft/core/audit/audit.schema";
import * as Audit from "@weft/core/audit/audit.service";
import { Job, JobResult, jobName, ListJobResults } from "@weft/core/platform/job.schema";
import * as Jobs from "@weft/core/platform/job.service";
import { route } from "@weft/http/route";
import { pageOf } from "@weft/kernel/page";
import * as z from "zod";
import { runJob as runNow } from "./run-job.ts";

const tags = ["platform"];

/** API Gateway has answered for the function by 29 seconds; a job that a person starts stops in time to say so. */
const MANUAL_RUN_MS = 20_000;

const listJobs = route(
  {
    method: "GET",
    path: "/api/platform/jobs",
    operationId: "listJobs",
    summary: "The platform's jobs, with how each ended last",
    tags,
    permission: "job:read",
    response: z.object({ items: z.array(Job), nextCursor: z.null() }),
  },
  async ({ ctx }) => ({ items: await Jobs.list(ctx), nextCursor: null }),
);

const listJobResults = route(
  {
    method: "GET",
    path: "/api/platform/jobs/{jobName}/results",
    operationId: "listJobResults",
    summary: "The runs of a job, newest first",
    tags,
    permission: "job:read",
    params: { jobName },
    query: ListJobResults.shape,
    response: pageOf(JobResult),
    errors: ["not_found", "invalid_cursor"],
  },
  ({ ctx, params, query }) => Jobs.listResults(ctx, params.jobName, query),
);

const runJob = route(
  {
    method: "POST",
    path: "/api/platform/jobs/{jobName}/run",
    operationId: "runJob",
    summary: "Run a job now; a conflict where it is running",
    tags,
    permission: "job:run",
    params: { jobName },
    response: JobResult,
    errors: ["not_found", "conflict"],
    idempotent: true,
  },
  ({ ctx, params }) => runNow(ctx, params.jobName, MANUAL_RUN_MS),
);

const listOperationLogs = route(
  {
    method: "GET",
    path: "/api/platform/operation-logs",
    operationId: "listOperationLogs",
    summary: "Operations on the platform itself, newest first",
    description:
      "Days are in UTC; without them the list covers the last seven. Operations inside a space are the space's.",
    tags,
    permission: "audit:read",
    query: ListOperationLogs.shape,
    response: pageOf(OperationLog),
    errors: ["invalid_cursor"],
  },
  ({ ctx, query }) => Audit.listPlatformOperations(ctx, query),
);

const listLoginLogs = route(
  {
    method: "GET",
    path: "/api/platform/login-logs",
    operationId: "listLoginLogs",
    summary: "Login tries, newest first",
    description: "Days are in UTC; without them the list covers the last seven.",
    tags,
    permission: "audit:read",
    query: ListLoginLogs.shape,
    response: pageOf(LoginLog),
    errors: ["invalid_cursor"],
  },
  ({ ctx, query }) => Audit.listLogins(ctx, query),
);

export const routes = [listJobs, listJobResults, runJob, listOperationLogs, listLoginLogs];
