import { CreateScheduleGroupCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { eventBridgeTimer } from "@weft/adapters/scheduler/eventbridge";
import * as Execution from "@weft/core/execution/execution.service";
import { SpaceEntity } from "@weft/core/identity/space.entity";
import { type Delivered, type Delivery, deliver, sweepSchedules } from "@weft/core/trigger/schedule.deliver";
import { CreateSchedule, type Schedule, type ScheduleFiring } from "@weft/core/trigger/schedule.schema";
import * as Schedules from "@weft/core/trigger/schedule.service";
import type { ScheduleDeps, ScheduleTimer } from "@weft/core/trigger/schedule.sync";
import { loadPlan, resolvePlan } from "@weft/core/workflow/workflow.plans";
import { currentSettings } from "@weft/core/workflow/workflow.pointer";
import * as Publish from "@weft/core/workflow/workflow.publish";
import { CreateWorkflow, PublishWorkflow } from "@weft/core/workflow/workflow.schema";
import * as Workflow from "@weft/core/workflow/workflow.service";
import { created } from "@weft/db/base";
import type { Id } from "@weft/kernel/ids";
import { type AwsServer, startAws } from "@weft/local/aws/server";
import { type EngineWorld, startEngineWorld } from "./engine-world.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const GROUP = "users";

/** Schedules as they are deployed, over the local Scheduler and real workflows, with time in the test's hands. */
export interface ScheduleWorld extends EngineWorld {
  aws: AwsServer;
  client: SchedulerClient;
  timer: ScheduleTimer;
  scheduleDeps: ScheduleDeps;
  /** What the scheduler delivered, and what came of it. */
  deliveries: (Delivery & { delivered?: Delivered })[];
  /** How often each delivery is made; none while the platform is down. */
  copies: number;
  /** A published workflow: `quick` is over when its lanes are, `asking` when it is answered or cancelled. */
  workflow(kind: "quick" | "asking"): Promise<Id<"workflow">>;
  publish(workflowId: Id<"workflow">): Promise<string>;
  schedule(over: object): Promise<Schedule>;
  read(scheduleId: Schedule["id"]): Promise<Schedule>;
  /** Oldest first. */
  firings(scheduleId: Schedule["id"]): Promise<ScheduleFiring[]>;
  /** Runs of the schedule: when they were due, and how they are, oldest first. */
  runs(scheduleId: string): Promise<{ id: string; status: string; version: string | null }[]>;
  /** Moves time forward in steps; at each the scheduler fires and lanes go on. */
  pass(ms: number, step?: number): Promise<void>;
  sweepSchedules(): Promise<void>;
}

const canvases = {
  quick: {
    nodes: [
      { id: "start", type: "start", data: {} },
      { id: "end", type: "end", data: {} },
    ],
    edges: [{ source: "start", target: "end" }],
  },
  asking: {
    nodes: [
      { id: "start", type: "start", data: {} },
      { id: "ask", type: "question", data: { config: { question: "Well?" } } },
      { id: "end", type: "end", data: {} },
    ],
    edges: [
      { source: "start", target: "ask" },
      { source: "ask", target: "end" },
    ],
  },
};

export async function startScheduleWorld(): Promise<ScheduleWorld> {
  const world = await startEngineWorld();
  const { ctx, clock } = world;
  const spaceId = ctx.spaceId as Id<"space">;
  await SpaceEntity.create({
    ...{ spaceId, kind: "team" as const, name: "Team", description: "", ownerId: "usr_1" },
    ...created(ctx),
  }).go();
  const execution = world.with({
    target: ({ spaceId: _, ...reference }) => resolvePlan(ctx, reference),
    plan: async ({ workflowId, version }) =>
      (await loadPlan(ctx, { workflowId: workflowId as Id<"workflow">, version: version ?? "" })).plan,
    limits: ({ workflowId }) => currentSettings(ctx, workflowId),
  });
  const aws = await startAws({
    clock,
    missedSchedules: "each",
    onSchedule: async ({ input }) => {
      for (let copy = 0; copy < made.copies; copy += 1) {
        const delivery: ScheduleWorld["deliveries"][number] = JSON.parse(input);
        made.deliveries.push(delivery);
        delivery.delivered = await deliver(execution, delivery);
      }
    },
  });
  const client = new SchedulerClient({ endpoint: aws.url, region: "us-east-1", maxAttempts: 1 });
  await client.send(new CreateScheduleGroupCommand({ Name: GROUP }));
  const place = {
    group: GROUP,
    roleArn: "arn:aws:iam::000000000000:role/schedules",
    targetArn: "arn:aws:lambda:us-east-1:000000000000:function:fire-schedule",
    queueArn: "arn:aws:sqs:us-east-1:000000000000:failed",
  };
  const timer = eventBridgeTimer(place, client);
  let names = 0;
  const publish: ScheduleWorld["publish"] = async (workflowId) => {
    const { version } = await Publish.publish(ctx, { ...PublishWorkflow.parse({ force: true }), workflowId });
    return version;
  };
  const made: ScheduleWorld = {
    ...world,
    ...{ aws, client, timer, deliveries: [], copies: 1, publish },
    scheduleDeps: { execution, timer },
    workflow: async (kind) => {
      names += 1;
      const { id } = await Workflow.create(ctx, CreateWorkflow.parse({ name: `w${names}`, canvas: canvases[kind] }));
      await publish(id);
      return id;
    },
    schedule: (over) => Schedules.create(ctx, made.scheduleDeps, CreateSchedule.parse({ name: "s", ...over })),
    read: (scheduleId) => Schedules.get(ctx, { scheduleId }),
    firings: async (scheduleId) => (await Schedules.listFirings(ctx, { scheduleId, limit: 100 })).items.reverse(),
    runs: async (scheduleId) => {
      const { items } = await Execution.list(ctx, { limit: 100, kind: "run" });
      const own = items.filter(({ trigger }) => trigger.id === scheduleId).reverse();
      return own.map(({ id, status, version }) => ({ id, status, version }));
    },
    pass: async (ms, step = 10 * MINUTE) => {
      for (let left = ms; left > 0; left -= step) {
        clock.advance(Math.min(step, left));
        await aws.scheduler.tick();
        await world.machine.drain(execution);
      }
    },
    sweepSchedules: async () => {
      await sweepSchedules(made.scheduleDeps);
      await world.machine.drain(execution);
    },
    close: async () => {
      client.destroy();
      await aws.close();
      await world.close();
    },
  };
  return made;
}
