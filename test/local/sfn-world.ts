import { createSfn, FakeTimerClock, type Sfn, type SfnOptions } from "@weft/local/sfn/index";
import type { Json, JsonObject } from "@weft/local/sfn/json";

export interface TestSfn extends Sfn {
  clock: FakeTimerClock;
  /** One API call; throws with `type` when it is refused. */
  call(action: string, body: JsonObject): Promise<JsonObject>;
  /** Creates a machine; the answer is its ARN. */
  machine(definition: JsonObject, type?: "STANDARD" | "EXPRESS", name?: string): Promise<string>;
  /** Starts an execution and lets time pass until it has ended. */
  run(definition: JsonObject, input?: Json): Promise<JsonObject>;
  history(executionArn: string): Promise<JsonObject[]>;
}

export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly type: string;
  constructor(body: { __type: string; message: string }) {
    super(body.message);
    this.type = body.__type;
  }
}

/** A Step Functions over a fake clock. */
export async function testSfn(options: Partial<SfnOptions> & { clock?: FakeTimerClock } = {}): Promise<TestSfn> {
  const clock = options.clock ?? new FakeTimerClock();
  const environment = options.environment ?? { invokeLambda: async (_name, payload) => ({ payload }) };
  const sfn = await createSfn({ ...options, environment, clock });
  clock.holdWhile(() => sfn.service.isBusy);
  let machines = 0;
  const call: TestSfn["call"] = async (action, body) => {
    const answer = await sfn.handler(`AWSStepFunctions.${action}`, body);
    if (answer.status !== 200) throw new ApiRefusal(answer.body as { __type: string; message: string });
    return answer.body as JsonObject;
  };
  const machine: TestSfn["machine"] = async (definition, type = "STANDARD", name = `machine-${machines++}`) => {
    const body = { name, type, roleArn: "arn:aws:iam::000000000000:role/sfn", definition: JSON.stringify(definition) };
    return String((await call("CreateStateMachine", body)).stateMachineArn);
  };
  return {
    ...sfn,
    clock,
    call,
    machine,
    async run(definition, input = {}) {
      const stateMachineArn = await machine(definition);
      const { executionArn } = await call("StartExecution", { stateMachineArn, input: JSON.stringify(input) });
      await clock.run(sfn.service.whenEnded(String(executionArn)));
      return call("DescribeExecution", { executionArn: executionArn! });
    },
    async history(executionArn) {
      return (await call("GetExecutionHistory", { executionArn, maxResults: 1000 })).events as JsonObject[];
    },
  };
}

/** A machine of one state. */
export function single(state: JsonObject, more: JsonObject = {}): JsonObject {
  return { QueryLanguage: "JSONata", StartAt: "Only", States: { Only: { End: true, ...state } }, ...more };
}

export const types = (events: JsonObject[]): string[] => events.map((event) => String(event.type));
