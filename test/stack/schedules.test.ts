import { GetScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/client.ts";
import { type StackWorld, startStackWorld } from "../support/stack-world.ts";

const MINUTE = 60_000;

let world: StackWorld;

beforeAll(async () => {
  world = await startStackWorld();
}, 120_000);
afterAll(() => world.close());

const must = (status: number, method: string, path: string, body?: unknown) =>
  world.client.must(status, method, path, body);

const canvas = {
  nodes: [
    { id: "start", type: "start", data: { outputs: [{ name: "local", type: "string" }] } },
    { id: "end", type: "end", data: { inputs: [{ name: "said", ref: "start.local" }] } },
  ],
  edges: [{ source: "start", target: "end" }],
};
const published = () => world.client.publish("w", canvas);
const firingsOf = async (id: string) => (await must(200, "GET", `/schedules/${id}/firings`)).items;
const settled = (id: string, count: number) =>
  until(`${count} runs started`, async () => {
    const items = await firingsOf(id);
    const isSettled = items.length >= count && items.every(({ status }: { status: string }) => status === "started");
    return isSettled ? items : undefined;
  });
const ended = (executionId: string) =>
  until("the run succeeded", async () => {
    const execution = await world.client.execution(executionId);
    return execution.status === "succeeded" ? execution : undefined;
  });

describe("schedules of the whole product", () => {
  it("fire through Scheduler, Lambda and Step Functions, and stop when they are paused or deleted", async () => {
    const workflowId = await published();
    const schedule = await must(201, "POST", "/schedules", {
      ...{ name: "s", workflowId, when: { type: "cron", expression: "*/10 * * * *" }, timezone: "Asia/Kolkata" },
      input: '{ "local": localTime }',
    });
    await world.stack.advance(20 * MINUTE);
    const firings = await settled(schedule.id, 2);
    expect(firings).toHaveLength(2);
    const execution = await ended(firings[1].executionId);
    expect(execution).toMatchObject({ version: "v1.0.0", trigger: { type: "scheduled", id: schedule.id } });
    expect(execution.output).toEqual({ said: schedule.nextExecution.localTime });
    expect(firings[1].at).toBe(schedule.nextExecution.at);
    await must(201, "POST", `/workflows/${workflowId}/publish`, { force: true, version: "v2.0.0" });
    await world.stack.advance(10 * MINUTE);
    const [latest] = await settled(schedule.id, 3);
    expect((await ended(latest.executionId)).version).toBe("v2.0.0");
    await must(200, "POST", `/schedules/${schedule.id}/pause`);
    await world.stack.advance(20 * MINUTE);
    expect(await firingsOf(schedule.id)).toHaveLength(3);
    const byHand = await must(202, "POST", `/schedules/${schedule.id}/run`);
    await ended(byHand.executionId);
    await must(204, "DELETE", `/schedules/${schedule.id}`);
  });

  it("are repaired by the job when EventBridge loses them", async () => {
    const workflowId = await published();
    const when = { type: "rate", every: 8, unit: "minute" };
    const { id } = await must(201, "POST", "/schedules", { name: "lost", workflowId, when });
    const client = new SchedulerClient({
      endpoint: world.stack.endpoints.aws,
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    const key = { Name: id, GroupName: "weft-dev-schedule-users" };
    const told = await client.send(new GetScheduleCommand(key));
    expect(told.Target?.Arn).toContain("function:");
    world.stack.aws.scheduler.handle({
      method: "DELETE",
      path: `/schedules/${id}?groupName=${key.GroupName}`,
      body: "",
    });
    await expect(client.send(new GetScheduleCommand(key))).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    for (let minute = 0; minute < 12; minute += 1) await world.stack.advance(MINUTE);
    expect(await settled(id, 1)).toHaveLength(1);
    expect((await client.send(new GetScheduleCommand(key))).State).toBe("ENABLED");
    client.destroy();
  });
});
