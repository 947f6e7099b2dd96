import {
  DescribeStateMachineCommand,
  SFNClient,
  StopExecutionCommand,
  UpdateStateMachineCommand,
} from "@aws-sdk/client-sfn";
import { ExecutionEntity } from "@weft/core/execution/execution.entity";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { readRules } from "@weft/local/stack/rules";
import { type OutsideServer, startOutside } from "./calls.ts";
import { type Client, signUp } from "./client.ts";
import { STAY_LOADED } from "./workers.ts";

/** The whole product on the local cloud, in this process, with somebody who uses it. */
export interface StackWorld {
  stack: WeftStack;
  outside: OutsideServer;
  client: Client;
  states: SFNClient;
  machineArn: string;
  /** Ends the lanes of an execution from outside, as an operator or Step Functions itself would. */
  abortLanes(executionId: string): Promise<void>;
  /** Whether what Step Functions tells of its executions reaches anybody. */
  deliverStatusChanges(isOn: boolean): void;
  /** Gives the machine another limit of a run's time. */
  setMachineTimeout(seconds: number): Promise<void>;
  close(): Promise<void>;
}

export async function startStackWorld(): Promise<StackWorld> {
  const outside = await startOutside();
  const stack = await startWeft({ env: { WEFT_EGRESS_LOOPBACK: "allow" }, limits: STAY_LOADED });
  Object.assign(process.env, { AWS_ENDPOINT_URL_DYNAMODB: stack.endpoints.dynamodb });
  const client = await signUp(stack.url);
  const states = new SFNClient({
    endpoint: stack.endpoints.services,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const machineArn = stack.resources.find(({ type }) => type === "AWS::StepFunctions::StateMachine")?.arn ?? "";
  const tableName = stack.resources.find(({ type }) => type.startsWith("AWS::DynamoDB::"))?.name ?? "";
  ExecutionEntity.setTableName(tableName);
  return {
    stack,
    outside,
    client,
    states,
    machineArn,
    abortLanes: async (executionId) => {
      const key = { spaceId: client.spaceId, executionId };
      const { data } = await ExecutionEntity.get(key).go({ consistent: true });
      for (const name of data?.lanes ?? []) {
        const executionArn = `${machineArn.replace(":stateMachine:", ":execution:")}:${name}`;
        await states.send(new StopExecutionCommand({ executionArn, error: "Aborted", cause: "by the test" }));
      }
    },
    deliverStatusChanges: (isOn) => {
      for (const rule of readRules(stack.resources)) {
        if (JSON.stringify(rule.pattern).includes("aws.states")) stack.aws.events.putRule({ ...rule, isEnabled: isOn });
      }
    },
    setMachineTimeout: async (seconds) => {
      const { definition = "{}" } = await states.send(new DescribeStateMachineCommand({ stateMachineArn: machineArn }));
      const changed = JSON.stringify({ ...JSON.parse(definition), TimeoutSeconds: seconds });
      await states.send(new UpdateStateMachineCommand({ stateMachineArn: machineArn, definition: changed }));
    },
    close: async () => {
      states.destroy();
      await stack.close();
      await outside.close();
    },
  };
}
