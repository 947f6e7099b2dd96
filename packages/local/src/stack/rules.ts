import type { EventDelivery, Events, Rule, RuleTarget } from "../aws/events.ts";
import type { Pattern } from "../aws/patterns.ts";
import type { Invocation } from "../aws/scheduler.ts";
import type { LambdaPool } from "../lambda/pool.ts";
import type { Sfn } from "../sfn/index.ts";
import { Properties } from "../template/properties.ts";
import type { Resource } from "../template/types.ts";
import { queueUrlOf, sendMessage } from "./queue-client.ts";

/** Services that a rule or a schedule may have as its target, as ARNs name them. */
const TARGETS = new Set(["lambda", "sqs", "states", "events"]);

/** Reads the rules of the templates; refuses targets that the local cloud cannot reach. */
export function readRules(resources: readonly Resource[]): Rule[] {
  return resources.filter((resource) => resource.type === "AWS::Events::Rule").map(readRule);
}

function readRule(resource: Resource): Rule {
  const rule = new Properties(resource);
  if (rule.has("ScheduleExpression")) throw rule.error("a schedule belongs to AWS::Scheduler::Schedule");
  return {
    name: resource.name,
    bus: (rule.optional("EventBusName") ?? "default").replace(/^.*event-bus\//, ""),
    pattern: rule.record("EventPattern") as Pattern,
    isEnabled: (rule.optional("State") ?? "ENABLED") === "ENABLED",
    targets: rule.children("Targets").map(readTarget),
  };
}

function readTarget(target: Properties): RuleTarget {
  const arn = target.string("Arn");
  checkTarget(target, arn);
  const retry = target.child("RetryPolicy");
  const transformer = target.child("InputTransformer");
  const deadLetterArn = target.child("DeadLetterConfig").optional("Arn");
  const input = target.optional("Input");
  const inputPath = target.optional("InputPath");
  return {
    id: target.string("Id"),
    arn,
    ...(input !== undefined && { input }),
    ...(inputPath !== undefined && { inputPath }),
    ...(target.has("InputTransformer") && {
      inputTransformer: {
        pathsMap: transformer.strings("InputPathsMap"),
        template: transformer.string("InputTemplate"),
      },
    }),
    ...(deadLetterArn !== undefined && { deadLetterArn }),
    ...(retry.has("MaximumRetryAttempts") && { maxRetries: retry.number("MaximumRetryAttempts", 0) }),
    ...(retry.has("MaximumEventAgeInSeconds") && { maxAgeSeconds: retry.number("MaximumEventAgeInSeconds", 0) }),
  };
}

/** Throws when nothing local stands behind the target. */
export function checkTarget(owner: Properties, arn: string): void {
  const service = arn.split(":")[2] ?? "";
  if (!TARGETS.has(service)) throw owner.error(`${arn} cannot be a target in the local cloud`);
}

/** What events and schedules are delivered to. */
export interface Receivers {
  pool: LambdaPool;
  sqsUrl: string;
  /** Undefined until they are open; a delivery before that is repeated. */
  sfn(): Sfn | undefined;
  events(): Events;
}

/** Hands an input to a target. A throw makes the caller try again. */
export async function deliver(receivers: Receivers, arn: string, input: string): Promise<void> {
  switch (arn.split(":")[2]) {
    case "lambda":
      await receivers.pool.invokeEvent(arn, input).attempted;
      return;
    case "sqs":
      await sendMessage(receivers.sqsUrl, { QueueUrl: queueUrlOf(receivers.sqsUrl, arn), MessageBody: input });
      return;
    case "states":
      await startExecution(receivers.sfn(), arn, input);
      return;
    default:
      await receivers.events().put(arn.replace(/^.*event-bus\//, ""), JSON.parse(input));
  }
}

async function startExecution(sfn: Sfn | undefined, stateMachineArn: string, input: string): Promise<void> {
  if (!sfn) throw new Error("Step Functions is not open yet");
  const { status, body } = await sfn.handler("AWSStepFunctions.StartExecution", { stateMachineArn, input });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

/** Puts what could not be delivered on the target's dead-letter queue, when it has one. */
export async function deadLetter(sqsUrl: string, lost: EventDelivery | Invocation, reason: string): Promise<void> {
  const isEvent = "target" in lost;
  const arn = isEvent ? lost.target.deadLetterArn : lost.deadLetterArn;
  if (!arn) return;
  const MessageBody = isEvent ? JSON.stringify(lost.input) : lost.input;
  const MessageAttributes = { ERROR_MESSAGE: { DataType: "String", StringValue: reason } };
  await sendMessage(sqsUrl, { QueueUrl: queueUrlOf(sqsUrl, arn), MessageBody, MessageAttributes });
}
