import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  InvalidToken,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  TaskDoesNotExist,
  TaskTimedOut,
} from "@aws-sdk/client-sfn";
import type { LaneInput, Machine } from "@weft/core/execution/machine";

let client: SFNClient | undefined;

/** Step Functions as the execution domain's {@link Machine}: `machineArn` is RunWorkflow's. */
export function sfnMachine(machineArn: string): Machine {
  const arnOf = (name: string): string => `${machineArn.replace(":stateMachine:", ":execution:")}:${name}`;
  client ??= new SFNClient({});
  const sfn = client;
  return {
    async start(name: string, input: LaneInput) {
      const { spaceId, executionId, segmentId, step, epoch, hops } = input;
      const body = JSON.stringify({ spaceId, executionId, segmentId, step, epoch, hops });
      try {
        await sfn.send(new StartExecutionCommand({ stateMachineArn: machineArn, name, input: body }));
      } catch (thrown) {
        // A lane of this name ran and ended: it did what this one would.
        if (!(thrown instanceof ExecutionAlreadyExists)) throw thrown;
      }
    },
    async stop(name, cause) {
      try {
        await sfn.send(new StopExecutionCommand({ executionArn: arnOf(name), error: "Stopped", cause }));
      } catch (thrown) {
        if (!(thrown instanceof ExecutionDoesNotExist)) throw thrown;
      }
    },
    async isRunning(name) {
      try {
        const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn: arnOf(name) }));
        return status === "RUNNING" || status === "PENDING_REDRIVE";
      } catch (thrown) {
        if (thrown instanceof ExecutionDoesNotExist) return false;
        throw thrown;
      }
    },
    async wake(token) {
      try {
        await sfn.send(new SendTaskSuccessCommand({ taskToken: token, output: "{}" }));
      } catch (thrown) {
        const isUsedUp =
          thrown instanceof TaskTimedOut || thrown instanceof TaskDoesNotExist || thrown instanceof InvalidToken;
        if (!isUsedUp) throw thrown;
      }
    },
  };
}
