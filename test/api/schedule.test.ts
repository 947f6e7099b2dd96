import { CreateScheduleGroupCommand, GetScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import type { Id } from "@weft/kernel/ids";
import { type AwsServer, startAws } from "@weft/local/aws/server";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callApi } from "../support/call.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace, type Person, withKey } from "../support/people.ts";
import { startTable } from "../support/table.ts";

const GROUP = "users";
Object.assign(process.env, {
  RUN_WORKFLOW_ARN: "arn:aws:states:us-east-1:000000000000:stateMachine:RunWorkflow",
  SCHEDULE_GROUP: GROUP,
  SCHEDULE_ROLE_ARN: "arn:aws:iam::000000000000:role/schedules",
  SCHEDULE_TARGET_ARN: "arn:aws:lambda:us-east-1:000000000000:function:fire-schedule",
  SCHEDULE_QUEUE_ARN: "arn:aws:sqs:us-east-1:000000000000:failed",
});
const { handler: schedules } = await import("../../functions/trigger/schedule/index.ts");
const { handler: workflows } = await import("../../functions/workflow/index.ts");

let table: DynamoServer;
let files: ObjectsServer;
let aws: AwsServer;
let client: SchedulerClient;
let ann: Person;
let eve: Person;
let spaceId: Id<"space">;
let other: Id<"space">;
let workflowId = "";

beforeAll(async () => {
  [table, files, aws] = await Promise.all([startTable(), startFiles(), startAws()]);
  process.env.AWS_ENDPOINT_URL_SCHEDULER = aws.url;
  client = new SchedulerClient({ endpoint: aws.url, region: "us-east-1", maxAttempts: 1 });
  await client.send(new CreateScheduleGroupCommand({ Name: GROUP }));
  [ann, eve] = [await makePerson("ann"), await makePerson("eve")];
  spaceId = await makeSpace([{ person: ann, role: "member" }]);
  other = await makeSpace([{ person: eve, role: "owner" }]);
  workflowId = (await call("POST", "/workflows", { name: "w" }, { handler: workflows })).json.id;
});
afterAll(async () => {
  client.destroy();
  await Promise.all([table.close(), files.close(), aws.close()]);
});

interface As {
  person?: Person;
  space?: string;
  handler?: unknown;
}
const call = (method: string, path: string, body?: unknown, { person = ann, space = spaceId, handler }: As = {}) =>
  callApi((handler ?? schedules) as never, {
    method,
    path: `/api/spaces/${space}${path}`,
    ...(body === undefined ? {} : { body }),
    authorizer: person.authorizer,
  });
const definition = (over: object = {}) => ({
  name: "Every morning",
  when: { type: "cron", expression: "30 9 * * MON-FRI" },
  timezone: "Europe/Berlin",
  workflowId,
  ...over,
});
async function make(over: object = {}) {
  const { status, json } = await call("POST", "/schedules", definition(over));
  expect([status, json.error]).toEqual([201, undefined]);
  return json;
}
const known = async (id: string) => {
  try {
    return await client.send(new GetScheduleCommand({ Name: id, GroupName: GROUP }));
  } catch {
    return undefined;
  }
};
const issueOf = ({
  status,
  json,
}: {
  status: number;
  json: { error: { details: { issues: { path: string }[] } } };
}) => [status, json.error.details.issues[0]?.path];

describe("schedules", () => {
  it("are made with their defaults, and are one schedule of EventBridge each", async () => {
    const made = await make();
    expect(made).toMatchObject({
      ...definition(),
      ...{ status: "active", overlap: "allow", catchUp: { policy: "skip", max: 10, windowSeconds: 86_400 } },
      ...{ version: null, input: null, policy: {}, start: null, end: null, windowMinutes: null, pausedAt: null },
      ...{ lastExecution: null, lastError: null, revision: 1, deletedAt: null },
    });
    expect(made.nextExecution.localTime).toMatch(/T09:30$/);
    expect((await call("GET", `/schedules/${made.id}`)).json).toEqual(made);
    const { ScheduleExpression, ScheduleExpressionTimezone, State, Target, FlexibleTimeWindow } =
      (await known(made.id)) ?? {};
    expect([ScheduleExpression, ScheduleExpressionTimezone, State]).toEqual([
      "cron(30 9 ? * MON,TUE,WED,THU,FRI *)",
      "Europe/Berlin",
      "ENABLED",
    ]);
    expect(FlexibleTimeWindow).toEqual({ Mode: "OFF" });
    expect(Target).toMatchObject({
      Arn: process.env.SCHEDULE_TARGET_ARN,
      RoleArn: process.env.SCHEDULE_ROLE_ARN,
      DeadLetterConfig: { Arn: process.env.SCHEDULE_QUEUE_ARN },
    });
    expect(JSON.parse(Target?.Input ?? "")).toEqual({
      ...{ spaceId, scheduleId: made.id, generation: 1 },
      scheduledTime: "<aws.scheduler.scheduled-time>",
    });
  });

  it("hand their bounds to EventBridge", async () => {
    const start = new Date(Date.now() + 3_600_000).toISOString();
    const end = new Date(Date.now() + 7_200_000).toISOString();
    const rate = await make({ when: { type: "rate", every: 5, unit: "minute" }, start, end });
    const told = await known(rate.id);
    expect(told?.ScheduleExpression).toBe("rate(5 minutes)");
    expect(told?.StartDate?.toISOString()).toBe(rate.nextExecution.at);
    expect(Math.floor(Date.parse(start) / 60_000) * 60_000).toBeLessThanOrEqual(Number(told?.StartDate));
    expect(Number(told?.EndDate)).toBeGreaterThan(Date.parse(end) - 1000);
    const once = await make({ when: { type: "once", at: "2199-02-28T09:00" }, timezone: "Asia/Tokyo" });
    expect(once.nextExecution).toMatchObject({ at: "2199-02-28T00:00:00.000Z", localTime: "2199-02-28T09:00" });
    expect(await known(once.id)).toMatchObject({
      ScheduleExpression: "at(2199-02-28T09:00:00)",
      ActionAfterCompletion: "DELETE",
    });
  });

  it("are listed by workflow, words and state", async () => {
    const mine = (await call("POST", "/workflows", { name: "w2" }, { handler: workflows })).json.id;
    const [a, b, c] = [
      await make({ workflowId: mine, name: "Zebra" }),
      await make({ workflowId: mine, isPaused: true }),
      await make({ workflowId: mine }),
    ];
    await call("DELETE", `/schedules/${c.id}`);
    const ids = async (query: string) =>
      (await call("GET", `/schedules?workflowId=${mine}${query}`)).json.items.map(({ id }: { id: string }) => id);
    expect(await ids("")).toEqual([b.id, a.id]);
    expect(await ids("&state=active")).toEqual([a.id]);
    expect(await ids("&state=paused")).toEqual([b.id]);
    expect(await ids("&state=deleted")).toEqual([c.id]);
    expect(await ids("&q=zebra")).toEqual([a.id]);
    const page = (await call("GET", `/schedules?workflowId=${mine}&limit=1`)).json;
    const rest = await call("GET", `/schedules?workflowId=${mine}&limit=1&cursor=${page.nextCursor}`);
    expect(rest.json.items.map(({ id }: { id: string }) => id)).toEqual([a.id]);
    expect((await call("GET", `/schedules?limit=1&cursor=${page.nextCursor}`)).json.error.code).toBe("invalid_cursor");
  });

  it("change by revision; what changes nothing of their times leaves EventBridge's schedule alone", async () => {
    const { id } = await make({ windowMinutes: 10, input: "{}", end: "2199-01-01T00:00:00Z" });
    const generation = async () => JSON.parse((await known(id))?.Target?.Input ?? "{}").generation;
    const changed = await call("PATCH", `/schedules/${id}`, {
      expectedRevision: 1,
      ...{ name: "Other", overlap: "queue", windowMinutes: null, input: null },
    });
    expect(changed.json).toMatchObject({
      name: "Other",
      overlap: "queue",
      windowMinutes: null,
      input: null,
      revision: 2,
    });
    expect(await generation()).toBe(1);
    const stale = await call("PATCH", `/schedules/${id}`, { expectedRevision: 1, name: "Late" });
    expect([stale.status, stale.json.error.details]).toEqual([409, { revision: 2, expectedRevision: 1 }]);
    const when = { type: "rate", every: 2, unit: "hour" };
    const retimed = await call("PATCH", `/schedules/${id}`, { when, timezone: "UTC", end: null });
    expect(retimed.json).toMatchObject({ when, timezone: "UTC", end: null, revision: 3 });
    expect(await known(id)).toMatchObject({ ScheduleExpression: "rate(2 hours)" });
    expect((await known(id))?.EndDate).toBeUndefined();
    expect(await generation()).toBe(2);
  });

  it("are paused, resumed, deleted and restored, and each again does nothing more", async () => {
    const { id } = await make();
    const paused = (await call("POST", `/schedules/${id}/pause`)).json;
    expect(paused).toMatchObject({ status: "paused", nextExecution: null, pausedBy: ann.userId, revision: 2 });
    expect((await call("POST", `/schedules/${id}/pause`)).json.revision).toBe(2);
    expect((await known(id))?.State).toBe("DISABLED");
    // Neither a change nor a new version lets it go on.
    const retimed = await call("PATCH", `/schedules/${id}`, { timezone: "UTC" });
    expect([retimed.status, retimed.json.error, retimed.json.status]).toEqual([200, undefined, "paused"]);
    expect((await known(id))?.State).toBe("DISABLED");
    const resumed = (await call("POST", `/schedules/${id}/resume`)).json;
    expect([resumed.status, resumed.pausedBy]).toEqual(["active", null]);
    expect((await call("POST", `/schedules/${id}/resume`)).json.revision).toBe(resumed.revision);
    expect((await known(id))?.State).toBe("ENABLED");
    expect((await call("DELETE", `/schedules/${id}`)).status).toBe(204);
    expect(await known(id)).toBeUndefined();
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/pause"],
      ["POST", "/run"],
      ["GET", "/firings"],
    ])
      expect((await call(method as string, `/schedules/${id}${path}`)).status).toBe(404);
    expect((await call("POST", `/schedules/${id}/restore`)).json.status).toBe("active");
    expect((await known(id))?.State).toBe("ENABLED");
    expect((await call("POST", `/schedules/${id}/restore`)).status).toBe(409);
  });

  it("show their next ten times, saved or not, and the same ones", async () => {
    const timing = { when: { type: "cron", expression: "30 2 * * *" }, timezone: "America/New_York" };
    const after = "2027-03-12T12:00:00Z";
    const unsaved = (await call("POST", `/schedules/preview?after=${after}`, timing)).json;
    expect(unsaved.expression).toBe("cron(30 2 * * ? *)");
    expect(unsaved.items).toHaveLength(10);
    // On 14 March the clocks go from 02:00 to 03:00.
    expect(unsaved.items.slice(0, 2)).toEqual([
      { at: "2027-03-13T07:30:00.000Z", localTime: "2027-03-13T02:30", startsAt: "2027-03-13T07:30:00.000Z" },
      { at: "2027-03-15T06:30:00.000Z", localTime: "2027-03-15T02:30", startsAt: "2027-03-15T06:30:00.000Z" },
    ]);
    const { id } = await make(timing);
    expect((await call("GET", `/schedules/${id}/preview?after=${after}`)).json).toEqual(unsaved);
    expect((await call("GET", `/schedules/${id}/preview?count=3`)).json.items).toHaveLength(3);
    const windowed = await call("POST", "/schedules/preview", { ...timing, windowMinutes: 30 });
    expect(windowed.json.items[0].startsAt).toBeNull();
    const once = await call("POST", "/schedules/preview", { when: { type: "once", at: "2199-01-01T00:00" } });
    expect(once.json.items).toHaveLength(1);
  });

  it("say why a run by hand does not start, and keep it among their firings", async () => {
    const { id } = await make();
    const refused = await call("POST", `/schedules/${id}/run`);
    expect([refused.status, refused.json.error.code]).toEqual([422, "unprocessable"]);
    const [firing] = (await call("GET", `/schedules/${id}/firings`)).json.items;
    expect(firing).toMatchObject({ source: "manual", status: "failed", executionId: null, count: 1 });
    expect(firing.error.message).toContain("not published");
  });
});

describe("what is refused", () => {
  it.each([
    ["when.expression", { when: { type: "cron", expression: "0 9 1 * MON" } }],
    ["when.expression", { when: { type: "cron", expression: "61 * * * *" } }],
    ["when", { when: { type: "cron", expression: "0 0 30 2 *" } }],
    ["when.every", { when: { type: "rate", every: 0, unit: "hour" } }],
    ["when.unit", { when: { type: "rate", every: 1, unit: "week" } }],
    ["when.at", { when: { type: "once", at: "2020-01-01T00:00" } }],
    ["when.at", { when: { type: "once", at: "2027-02-30T00:00" } }],
    ["when.at", { when: { type: "once", at: "2027-03-14T02:30" }, timezone: "America/New_York" }],
    ["when.type", { when: { type: "never" } }],
    ["timezone", { timezone: "Mars/Olympus" }],
    ["timezone", { timezone: "+01:00" }],
    ["end", { start: "2199-01-02T00:00:00Z", end: "2199-01-01T00:00:00Z" }],
    ["end", { end: "2020-01-01T00:00:00Z" }],
    ["windowMinutes", { windowMinutes: 1441 }],
    ["overlap", { overlap: "hope" }],
    ["catchUp.max", { catchUp: { policy: "all", max: 101 } }],
    ["catchUp.maximum", { catchUp: { policy: "all", maximum: 1 } }],
    ["input", { input: "{ not JSONata" }],
    ["policy.unknown", { policy: { unknown: 1 } }],
    ["name", { name: " " }],
  ])("names %s of %j", async (path, over) => {
    expect(issueOf(await call("POST", "/schedules", definition(over)))).toEqual([400, path]);
    const { id } = await make();
    if (path !== "end") expect(issueOf(await call("PATCH", `/schedules/${id}`, over))).toEqual([400, path]);
    expect((await call("GET", `/schedules/${id}`)).json.revision).toBe(1);
  });

  it("is a workflow or version that is not there", async () => {
    const answers = [
      await call("POST", "/schedules", definition({ workflowId: "wfl_01jd0000000000000000000000" })),
      await call("POST", "/schedules", definition({ version: "v9.9.9" })),
      await call("PATCH", `/schedules/${(await make()).id}`, { version: "v9.9.9" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  });
});

describe("security", () => {
  it("keeps spaces apart, in paths and in bodies", async () => {
    const { id } = await make();
    const stranger = { person: eve, space: other };
    const paths: [string, string, unknown?][] = [
      ["GET", ""],
      ["PATCH", "", { name: "mine" }],
      ["DELETE", ""],
      ["POST", "/pause"],
      ["POST", "/resume"],
      ["POST", "/run"],
      ["POST", "/restore"],
      ["GET", "/preview"],
      ["GET", "/firings"],
    ];
    for (const [method, path, body] of paths) {
      const answer = await call(method, `/schedules/${id}${path}`, body, stranger);
      expect([method, path, answer.status]).toEqual([method, path, 404]);
    }
    const foreign = await call("POST", "/schedules", definition(), stranger);
    expect([foreign.status, foreign.json.error.code]).toEqual([404, "not_found"]);
    const theirs = (await call("POST", "/workflows", { name: "e" }, { ...stranger, handler: workflows })).json.id;
    const own = await call("POST", "/schedules", definition({ workflowId: theirs }), stranger);
    expect(own.status).toBe(201);
    const moved = await call("PATCH", `/schedules/${own.json.id}`, { workflowId }, stranger);
    expect(moved.status).toBe(404);
    expect((await call("GET", `/schedules?workflowId=${workflowId}`, undefined, stranger)).json.items).toEqual([]);
  });

  it("asks for the right to run workflows, and no less", async () => {
    const { id } = await make();
    const reader = { person: await withKey(ann, ["workflow:read"]) };
    expect((await call("GET", `/schedules/${id}`, undefined, reader)).status).toBe(200);
    expect((await call("POST", "/schedules/preview", { when: definition().when }, reader)).status).toBe(200);
    const changes: [string, string, unknown?][] = [
      ["POST", "/schedules", definition()],
      ["PATCH", `/schedules/${id}`, { name: "x" }],
      ["DELETE", `/schedules/${id}`],
      ...["pause", "resume", "run", "restore"].map((verb): [string, string] => ["POST", `/schedules/${id}/${verb}`]),
    ];
    for (const [method, path, body] of changes) {
      const answer = await call(method, path, body, reader);
      expect([method, path, answer.json.error?.code]).toEqual([method, path, "forbidden"]);
    }
    const runner = { person: await withKey(ann, ["workflow:run"]) };
    expect((await call("POST", "/schedules", definition(), runner)).status).toBe(201);
  });
});
