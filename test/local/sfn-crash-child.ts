import { appendFileSync, readFileSync } from "node:fs";
import { createSfn, LevelStore } from "@weft/local/sfn/index";
import type { JsonObject } from "@weft/local/sfn/json";
import { CHILD_MACHINE, CRASH_MACHINE } from "./sfn-crash-machine.ts";

/** A process that is killed again and again: starts what is missing, goes on with the rest, and says how it ends. */
const [directory, callLog, count] = process.argv.slice(2) as [string, string, string];
const names = Array.from({ length: Number(count) }, (_, i) => `run-${i}`);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Longest that a function of the test works, in milliseconds. */
const LONGEST_WORK_MS = 40;

async function invokeLambda(name: string, payload: string): Promise<{ payload: string }> {
  appendFileSync(callLog, `${name} ${payload}\n`);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_WORK_MS));
  return { payload: JSON.stringify({ did: name }) };
}

const { handler, service } = await createSfn({
  store: await LevelStore.open(directory),
  environment: { invokeLambda },
});

async function call(action: string, body: JsonObject): Promise<JsonObject> {
  const answer = await handler(`AWSStepFunctions.${action}`, body);
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body as JsonObject;
}

const create = (name: string, definition: unknown): Promise<JsonObject> =>
  call("CreateStateMachine", {
    name,
    roleArn: "arn:aws:iam::000000000000:role/sfn",
    definition: JSON.stringify(definition),
  });

await create("child", CHILD_MACHINE);
const { stateMachineArn } = await create("crash", CRASH_MACHINE);
const arnOf = (name: string): string =>
  String(stateMachineArn).replace(":stateMachine:", ":execution:").concat(":", name);

/** Somebody outside who answers questions a while after they were asked, whatever became of the process. */
function answerQuestions(): void {
  const asked = readFileSync(callLog, { encoding: "utf8", flag: "a+" }).split("\n");
  for (const line of asked) {
    if (!line.startsWith("ask ") || Math.random() < 0.5) continue;
    const { token } = JSON.parse(line.slice(4)) as { token: string };
    call("SendTaskSuccess", { taskToken: token, output: '"answered"' }).catch(() => undefined);
  }
}
setInterval(answerQuestions, LONGEST_WORK_MS);

for (const name of names) {
  if (await service.findExecution(arnOf(name))) say(`known ${name}`);
  else {
    await call("StartExecution", { stateMachineArn: stateMachineArn!, name, input: JSON.stringify({ name }) });
    say(`started ${name}`);
  }
}
for (const name of names) {
  const record = await service.whenEnded(arnOf(name));
  const { events } = await call("GetExecutionHistory", { executionArn: record.arn, maxResults: 1000 });
  say(`ended ${JSON.stringify({ name, status: record.status, output: record.output, cause: record.cause, events })}`);
}
process.exit(0);
