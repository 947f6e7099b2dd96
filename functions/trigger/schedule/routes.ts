import {
  CreateSchedule,
  listSchedulesQuery,
  PreviewSchedule,
  previewQuery,
  ScheduleFiring,
  ScheduleFiringPage,
  SchedulePage,
  SchedulePreview,
  Schedule as ScheduleSchema,
  UpdateSchedule,
} from "@weft/core/trigger/schedule.schema";
import * as Schedule from "@weft/core/trigger/schedule.service";
import { route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";
import { runDeps, scheduleDeps } from "../schedule-deps.ts";

const ALL = "/api/spaces/{spaceId}/schedules";
const ONE = `${ALL}/{scheduleId}` as const;
const tags = ["schedules"] as const;

/** No call of these takes long: nothing here runs a workflow. */
const CALL_MS = 25_000;
const timeLeft = { timeLeftMs: () => CALL_MS };

const managing = [
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listSchedules",
      summary: "Schedules of a space or of a workflow, newest first",
      tags,
      permission: "workflow:read",
      query: listSchedulesQuery,
      response: SchedulePage,
    },
    ({ ctx, query }) => Schedule.list(ctx, query),
  ),
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "createSchedule",
      summary: "Run a workflow by the clock",
      description:
        "By a cron of five fields, at a rate, or once, in a time zone. A local time that the zone's clocks skip does not " +
        "come, one that they repeat comes once, at its first passing. Runs take the latest published version unless " +
        "`version` names one. `input` is JSONata over `{scheduleId, name, scheduledAt, localTime, timezone, nextAt, " +
        "source}`, which is the run's input where there is none.",
      tags,
      permission: "workflow:run",
      idempotent: true,
      status: 201,
      body: CreateSchedule,
      response: ScheduleSchema,
    },
    ({ ctx, body }) => Schedule.create(ctx, scheduleDeps(timeLeft), body),
  ),
  route(
    {
      method: "POST",
      path: `${ALL}/preview`,
      operationId: "previewNewSchedule",
      summary: "The next times of a schedule that is not saved",
      tags,
      permission: "workflow:read",
      audit: false,
      query: previewQuery,
      body: PreviewSchedule,
      response: SchedulePreview,
    },
    ({ ctx, body, query }) => Schedule.previewUnsaved(ctx, body, query),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getSchedule",
      summary: "One schedule, with its last and its next run",
      tags,
      permission: "workflow:read",
      response: ScheduleSchema,
    },
    ({ ctx, params }) => Schedule.get(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: ONE,
      operationId: "updateSchedule",
      summary: "Change a schedule",
      description: "One that is paused stays paused. New times count from now on.",
      tags,
      permission: "workflow:run",
      body: UpdateSchedule,
      response: ScheduleSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Schedule.update(ctx, scheduleDeps(timeLeft), { ...body, scheduleId: params.scheduleId }),
  ),
  route(
    {
      method: "DELETE",
      path: ONE,
      operationId: "removeSchedule",
      summary: "Delete a schedule; it can be restored",
      tags,
      permission: "workflow:run",
      response: null,
      errors: ["conflict"],
    },
    async ({ ctx, params }) => {
      await Schedule.remove(ctx, scheduleDeps(timeLeft), params);
      return undefined;
    },
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/restore`,
      operationId: "restoreSchedule",
      summary: "Bring a deleted schedule back",
      tags,
      permission: "workflow:run",
      response: ScheduleSchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Schedule.restore(ctx, scheduleDeps(timeLeft), params),
  ),
];

const running = [
  route(
    {
      method: "POST",
      path: `${ONE}/pause`,
      operationId: "pauseSchedule",
      summary: "Stop a schedule until it is resumed",
      description: "Runs that were put off do not start. Changes of the schedule or its workflow do not resume it.",
      tags,
      permission: "workflow:run",
      response: ScheduleSchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Schedule.pause(ctx, scheduleDeps(timeLeft), params),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/resume`,
      operationId: "resumeSchedule",
      summary: "Let a paused schedule go on",
      description: "Times that passed while it was paused are not made up for.",
      tags,
      permission: "workflow:run",
      response: ScheduleSchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Schedule.resume(ctx, scheduleDeps(timeLeft), params),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/run`,
      operationId: "runSchedule",
      summary: "Start a schedule's run now",
      description: "It is no time of the schedule: those come as they would have. A paused schedule can be run too.",
      tags,
      permission: "workflow:run",
      idempotent: true,
      status: 202,
      response: ScheduleFiring,
      errors: ["unprocessable", "rate_limited"],
    },
    ({ ctx, params }) => Schedule.runNow(ctx, { execution: runDeps(timeLeft) }, params),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/preview`,
      operationId: "previewSchedule",
      summary: "The next times of a schedule",
      description: "These are the times at which it fires. While it is paused: those that it would have.",
      tags,
      permission: "workflow:read",
      query: previewQuery,
      response: SchedulePreview,
    },
    ({ ctx, params, query }) => Schedule.previewSaved(ctx, { ...params, ...query }),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/firings`,
      operationId: "listScheduleFirings",
      summary: "What came of a schedule's times, newest first",
      tags,
      permission: "workflow:read",
      query: pageQuery,
      response: ScheduleFiringPage,
    },
    ({ ctx, params, query }) => Schedule.listFirings(ctx, { ...params, ...query }),
  ),
];

export const routes = [...managing, ...running];
