import {
  ConflictException,
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  SchedulerClient,
  UpdateScheduleCommand,
  ValidationException,
} from "@aws-sdk/client-scheduler";
import type { ScheduleTimer, TimerDefinition } from "@weft/core/trigger/schedule.sync";
import { AppError } from "@weft/kernel/errors";

export interface EventBridgeOptions {
  /** The group of all users' schedules. */
  group: string;
  /** What EventBridge Scheduler becomes to call the function. */
  roleArn: string;
  /** The function that is called. */
  targetArn: string;
  /** Where what could not be delivered goes. */
  queueArn: string;
}

/** The sweep makes up for a time that is not delivered: a delivery beyond this would find it dealt with. */
const MAX_EVENT_AGE_SECONDS = 300;
const RETRIES = 10;

let client: SchedulerClient | undefined;

/** The one client of the process, made at its first use. */
function sharedClient(): SchedulerClient {
  client ??= new SchedulerClient({});
  return client;
}

/** EventBridge Scheduler as the trigger domain's {@link ScheduleTimer}: one schedule of the group for each. */
export function eventBridgeTimer(options: EventBridgeOptions, scheduler = sharedClient()): ScheduleTimer {
  const { group: GroupName } = options;
  return {
    async put(scheduleId, definition) {
      const input = inputOf(scheduleId, definition, options);
      try {
        await scheduler.send(new UpdateScheduleCommand(input));
      } catch (thrown) {
        if (!(thrown instanceof ResourceNotFoundException)) throw refusal(thrown);
        await create(scheduler, input);
      }
    },
    async remove(Name) {
      try {
        await scheduler.send(new DeleteScheduleCommand({ Name, GroupName }));
      } catch (thrown) {
        if (!(thrown instanceof ResourceNotFoundException)) throw refusal(thrown);
      }
    },
  };
}

async function create(scheduler: SchedulerClient, input: CreateScheduleCommandInput): Promise<void> {
  try {
    await scheduler.send(new CreateScheduleCommand(input));
  } catch (thrown) {
    if (!(thrown instanceof ConflictException)) throw refusal(thrown);
    // Somebody made it meanwhile; whoever notes what was handed over compares the generations.
    await scheduler.send(new UpdateScheduleCommand(input));
  }
}

function inputOf(scheduleId: string, definition: TimerDefinition, options: EventBridgeOptions) {
  const { expression, timezone, startAt, endAt, isEnabled, spaceId, generation } = definition;
  return {
    Name: scheduleId,
    GroupName: options.group,
    ScheduleExpression: expression,
    ScheduleExpressionTimezone: timezone,
    State: isEnabled ? "ENABLED" : "DISABLED",
    // Runs are spread over a schedule's window by us, so that it can be known where in it they start.
    FlexibleTimeWindow: { Mode: "OFF" },
    // After its last time it goes by itself.
    ActionAfterCompletion: "DELETE",
    ...(startAt ? { StartDate: startAt } : {}),
    ...(endAt ? { EndDate: endAt } : {}),
    Target: {
      Arn: options.targetArn,
      RoleArn: options.roleArn,
      Input: JSON.stringify({ spaceId, scheduleId, generation, scheduledTime: "<aws.scheduler.scheduled-time>" }),
      DeadLetterConfig: { Arn: options.queueArn },
      RetryPolicy: { MaximumRetryAttempts: RETRIES, MaximumEventAgeInSeconds: MAX_EVENT_AGE_SECONDS },
    },
  } satisfies CreateScheduleCommandInput;
}

/** What EventBridge says of a schedule itself is for the person to see; its other troubles are not. */
function refusal(thrown: unknown): unknown {
  if (!(thrown instanceof ValidationException)) return thrown;
  return new AppError("upstream", `EventBridge Scheduler refused the schedule: ${thrown.message}`, { cause: thrown });
}
