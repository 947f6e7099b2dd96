import type { StackClock } from "../clock.ts";
import { LambdaServiceError } from "../lambda/errors.ts";
import type { LambdaPool } from "../lambda/pool.ts";
import { createSfn, LevelStore, MemoryStore, ServiceError, type Sfn, type SfnEnvironment } from "../sfn/index.ts";
import { Properties } from "../template/properties.ts";
import type { Resource } from "../template/types.ts";
import { ACCOUNT, type Endpoints, REGION } from "./environment.ts";
import { objectsOf } from "./object-client.ts";
import { sendMessage } from "./queue-client.ts";

export interface MachineOptions {
  folder: string | undefined;
  clock: StackClock;
  pool: LambdaPool;
  endpoints: Endpoints;
  emitEvent: NonNullable<SfnEnvironment["emitEvent"]>;
}

/** Opens Step Functions, which takes up what was running, and brings the machines to what the templates say. */
export async function startMachines(resources: readonly Resource[], options: MachineOptions): Promise<Sfn> {
  const { folder, clock, pool, endpoints, emitEvent } = options;
  const sfn = await createSfn({
    store: folder === undefined ? new MemoryStore() : await LevelStore.open(folder),
    clock,
    region: REGION,
    accountId: ACCOUNT,
    environment: {
      invokeLambda: (name, payload, call) => invoke(pool, name, payload, call.invocationType),
      s3: objectsOf(endpoints.s3),
      sqs: { sendMessage: (parameters) => sendMessage(endpoints.sqs, parameters) as never },
      emitEvent,
    },
  });
  const machines = resources.filter((resource) => resource.type === "AWS::StepFunctions::StateMachine");
  for (const machine of machines) await applyMachine(machine, sfn);
  return sfn;
}

/** Creates the machine, or gives the one that is there its new definition; runs under way keep theirs. */
async function applyMachine(resource: Resource, sfn: Sfn): Promise<void> {
  const properties = new Properties(resource);
  const definition = definitionOf(properties);
  const roleArn = properties.string("RoleArn");
  const call = async (operation: string, input: object): Promise<boolean> => {
    const { status, body } = await sfn.handler(`AWSStepFunctions.${operation}`, input);
    const { __type, message } = body as { __type?: string; message?: string };
    if (status !== 200 && __type !== "StateMachineAlreadyExists") throw properties.error(`${__type}: ${message}`);
    return status === 200;
  };
  const type = properties.optional("StateMachineType") ?? "STANDARD";
  const isCreated = await call("CreateStateMachine", { name: resource.name, definition, roleArn, type });
  if (!isCreated) await call("UpdateStateMachine", { stateMachineArn: resource.arn, definition, roleArn });
}

function definitionOf(properties: Properties): string {
  if (properties.has("DefinitionS3Location")) throw properties.error("DefinitionS3Location is not supported");
  const text = properties.optional("DefinitionString") ?? JSON.stringify(properties.record("Definition"));
  const substitutions = properties.strings("DefinitionSubstitutions");
  return text.replaceAll(/\$\{([A-Za-z0-9_]+)\}/g, (all, name: string) => substitutions[name] ?? all);
}

const CRASHED = "Runtime.ExitError";

async function invoke(pool: LambdaPool, name: string, payload: string, type: string | undefined) {
  try {
    if (type === "Event") {
      pool.invokeEvent(name, payload);
      return { payload: "", statusCode: 202 };
    }
    const { functionError, payload: answer } = await pool.invoke(name, payload);
    // A worker that died is reported to Step Functions without the function's own error.
    if (functionError && isCrash(answer)) throw new ServiceError("Lambda.Unknown", answer);
    return { payload: answer, functionError };
  } catch (error) {
    if (error instanceof LambdaServiceError) throw new ServiceError(`Lambda.${error.name}`, error.message);
    throw error;
  }
}

function isCrash(payload: string): boolean {
  return (JSON.parse(payload) as { errorType?: string } | null)?.errorType === CRASHED;
}
