import { SfnError, StateFailure } from "../errors.ts";
import { isOversized, type Json } from "../json.ts";
import type { Execution } from "../run/execution.ts";
import { BUCKETS, type Flow } from "../run/records.ts";
import { beat, endTask } from "../run/task.ts";
import type { SfnService } from "../service.ts";
import { arn, type Body, name, nextToken, optionalText, page, seconds, text } from "./checks.ts";

/** Where a token leads; throws when it is no token of ours. */
function placeOf(service: SfnService, token: string): { execution: Execution | undefined; flow: number } {
  try {
    const [executionArn, flow] = JSON.parse(Buffer.from(token, "base64url").toString()) as [string, number];
    if (typeof executionArn === "string" && typeof flow === "number")
      return { execution: service.live(executionArn), flow };
  } catch {
    // Not a token: answered below.
  }
  throw new SfnError("InvalidToken", "Invalid Token: 'Invalid token'");
}

const timedOut = (): SfnError => new SfnError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");

/** Does something with the task that a token stands for; resolves when it is durable. */
async function withTask(
  service: SfnService,
  token: string,
  act: (execution: Execution, flow: Flow) => void | Promise<void>,
): Promise<void> {
  const { execution, flow: id } = placeOf(service, token);
  if (!execution) throw timedOut();
  await execution.post(() => {
    const flow = execution.flows.get(id);
    const isWaiting = flow?.block?.kind === "task" && flow.block.token === token;
    if (!flow || !isWaiting || !execution.isCurrent(flow, flow.generation)) throw timedOut();
    return act(execution, flow);
  });
}

async function sendTaskSuccess(service: SfnService, body: Body): Promise<Json> {
  const output = text(body, "output");
  try {
    JSON.parse(output);
  } catch {
    throw new SfnError("InvalidOutput", "Invalid Output: 'The output is not valid JSON'");
  }
  if (isOversized(output)) throw new SfnError("InvalidOutput", "Invalid Output: 'The output is over 262144 bytes'");
  await withTask(service, text(body, "taskToken"), (execution, flow) => endTask(execution, flow, { text: output }));
  return {};
}

async function sendTaskFailure(service: SfnService, body: Body): Promise<Json> {
  const failure = new StateFailure({ error: optionalText(body, "error"), cause: optionalText(body, "cause") });
  await withTask(service, text(body, "taskToken"), (execution, flow) => endTask(execution, flow, { failure }));
  return {};
}

async function sendTaskHeartbeat(service: SfnService, body: Body): Promise<Json> {
  await withTask(service, text(body, "taskToken"), beat);
  return {};
}

async function createActivity(service: SfnService, body: Body): Promise<Json> {
  const activityName = name(text(body, "name"));
  const activityArn = `arn:aws:states:${service.region}:${service.accountId}:activity:${activityName}`;
  const known = service.activities.list().find(([one]) => one === activityArn)?.[1];
  const createdMs = known?.createdMs ?? service.clock.now();
  if (!known) {
    const value = JSON.stringify({ name: activityName, createdMs });
    await service.store.commit([{ bucket: BUCKETS.activities, key: activityArn, value }]);
    service.activities.add(activityArn, activityName, createdMs);
  }
  return { activityArn, creationDate: seconds(createdMs) };
}

async function deleteActivity(service: SfnService, body: Body): Promise<Json> {
  const activityArn = arn(text(body, "activityArn"), "activity");
  await service.store.commit([{ bucket: BUCKETS.activities, key: activityArn }]);
  service.activities.remove(activityArn);
  return {};
}

function requireActivity(service: SfnService, body: Body): string {
  const activityArn = arn(text(body, "activityArn"), "activity");
  if (service.activities.exists(activityArn)) return activityArn;
  throw new SfnError("ActivityDoesNotExist", `Activity Does Not Exist: '${activityArn}'`);
}

async function describeActivity(service: SfnService, body: Body): Promise<Json> {
  const activityArn = requireActivity(service, body);
  const about = service.activities.list().find(([one]) => one === activityArn)![1];
  return { activityArn, name: about.name, creationDate: seconds(about.createdMs) };
}

async function listActivities(service: SfnService, body: Body): Promise<Json> {
  const { limit, after } = page(body);
  const left = service.activities
    .list()
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .filter(([one]) => after === undefined || one > after);
  const shown = left.slice(0, limit);
  const activities = shown.map(([activityArn, about]) => ({
    activityArn,
    name: about.name,
    creationDate: seconds(about.createdMs),
  }));
  return { activities, ...nextToken(left.length > limit ? shown.at(-1)?.[0] : undefined) };
}

async function getActivityTask(service: SfnService, body: Body): Promise<Json> {
  const task = await service.activities.poll(requireActivity(service, body), optionalText(body, "workerName"));
  return task ? { taskToken: task.token, input: task.input } : {};
}

/** Marks an activity task as taken by a worker; false when nobody waits for it any more. */
export async function claimActivityTask(
  service: SfnService,
  token: string,
  worker: string | undefined,
): Promise<boolean> {
  try {
    await withTask(service, token, (execution, flow) => {
      if (flow.block?.kind !== "task") return;
      flow.block.isSubmitted = true;
      execution.touch(flow);
      execution.addEvent(flow, "ActivityStarted", worker === undefined ? {} : { workerName: worker });
    });
    return true;
  } catch {
    return false;
  }
}

export const TASK_CALLS = {
  SendTaskSuccess: sendTaskSuccess,
  SendTaskFailure: sendTaskFailure,
  SendTaskHeartbeat: sendTaskHeartbeat,
  CreateActivity: createActivity,
  DeleteActivity: deleteActivity,
  DescribeActivity: describeActivity,
  ListActivities: listActivities,
  GetActivityTask: getActivityTask,
};
