import { isDeepStrictEqual } from "node:util";
import type { Scheduler } from "../aws/scheduler.ts";
import { Properties } from "../template/properties.ts";
import type { Resource } from "../template/types.ts";
import { checkTarget } from "./rules.ts";

/** Marks the schedules that come from the templates, so that one taken out of them goes. */
const MARK = "from the template";
const DEFAULT_GROUP = "default";

type Body = Record<string, unknown>;

/** Brings groups and schedules to what the templates say; a schedule that did not change keeps its next time. */
export async function applySchedules(resources: readonly Resource[], scheduler: Scheduler): Promise<void> {
  const groups = resources.filter((resource) => resource.type === "AWS::Scheduler::ScheduleGroup");
  for (const group of groups) await scheduler.ensureGroup(group.name);
  const wanted = resources.filter((resource) => resource.type === "AWS::Scheduler::Schedule").map(definitionOf);
  for (const schedule of wanted) await applySchedule(schedule, scheduler);
  await removeOthers(new Set(wanted.map(({ name, body }) => `${body.GroupName}/${name}`)), scheduler);
}

interface Wanted {
  name: string;
  body: Body;
  owner: Properties;
}

function definitionOf(resource: Resource): Wanted {
  const owner = new Properties(resource);
  if (owner.has("StartDate") || owner.has("EndDate")) throw owner.error("StartDate and EndDate are not supported");
  checkTarget(owner, owner.child("Target").string("Arn"));
  const body = {
    GroupName: owner.optional("GroupName") ?? DEFAULT_GROUP,
    ScheduleExpression: owner.string("ScheduleExpression"),
    ScheduleExpressionTimezone: owner.optional("ScheduleExpressionTimezone") ?? "UTC",
    FlexibleTimeWindow: owner.record("FlexibleTimeWindow"),
    State: owner.optional("State") ?? "ENABLED",
    Target: owner.record("Target"),
    Description: MARK,
  };
  // Scheduler's names have at most 64 characters; the end of a logical id is what tells two apart.
  return { name: resource.name.slice(-64), body, owner };
}

async function applySchedule({ name, body, owner }: Wanted, scheduler: Scheduler): Promise<void> {
  const path = `/schedules/${encodeURIComponent(name)}`;
  const found = await call(scheduler, "GET", `${path}?groupName=${encodeURIComponent(String(body.GroupName))}`);
  const isSame =
    found.status === 200 && Object.keys(body).every((key) => isDeepStrictEqual(found.body[key], body[key]));
  if (isSame) return;
  const { status, body: answer } = await call(scheduler, found.status === 200 ? "PUT" : "POST", path, body);
  if (status !== 200) throw owner.error(JSON.stringify(answer));
}

async function removeOthers(wanted: ReadonlySet<string>, scheduler: Scheduler): Promise<void> {
  let token = "";
  do {
    const page = await call(scheduler, "GET", `/schedules?NextToken=${encodeURIComponent(token)}`);
    for (const { Name, GroupName } of page.body.Schedules as { Name: string; GroupName: string }[]) {
      if (wanted.has(`${GroupName}/${Name}`)) continue;
      const path = `/schedules/${encodeURIComponent(Name)}?groupName=${encodeURIComponent(GroupName)}`;
      const { body } = await call(scheduler, "GET", path);
      if (body.Description === MARK) await call(scheduler, "DELETE", path);
    }
    token = String(page.body.NextToken ?? "");
  } while (token !== "");
}

async function call(scheduler: Scheduler, method: string, path: string, body?: Body) {
  const response = await scheduler.handle({ method, path, body: body ? JSON.stringify(body) : "" });
  return { status: response?.status ?? 404, body: JSON.parse(response?.body ?? "{}") as Body };
}
