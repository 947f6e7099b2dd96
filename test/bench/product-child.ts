import "../support/lambda-runtime.ts";
import { documentClient } from "@weft/db/table";
import { handler as authorizer } from "../../functions/identity/authorizer.ts";
import { handler } from "../../functions/workflow/index.ts";
import { type CallRequest, callApi } from "../support/call.ts";
import { cpuMs } from "./engine.ts";

/**
 * The run route's function in a process of its own, as Lambda has it: `node product-child.ts` with a job as JSON on its
 * standard input and the function's variables in its environment. Prints the CPU of one warm sync run, as the last line.
 */
export interface ProductJob {
  token: string;
  path: string;
  runs: number;
}

export interface ProductResult {
  /** Milliseconds of CPU of this process for one run, the store's client included. */
  withClient: number;
  /** The same where the client's `send` answers from memory: all that is the product's own. */
  withoutClient: number;
}

const WARM_UP = 300;

interface Command {
  constructor: { name: string };
  input: Record<string, unknown>;
}

/** Answers from memory what the store has answered before: reads by their keys, writes by their kind. */
function replay(): { record(): void; play(): void } {
  const client = documentClient() as unknown as { send(command: Command): Promise<object> };
  const real = client.send.bind(client);
  const answers = new Map<string, object>();
  const nameOf = (command: Command): string => {
    const { name } = command.constructor;
    const { Key, RequestItems } = command.input;
    return name.includes("Get") ? JSON.stringify([name, Key, RequestItems]) : name;
  };
  return {
    record: () => {
      client.send = async (command) => {
        const answer = await real(command);
        answers.set(nameOf(command), answer);
        return answer;
      };
    },
    play: () => {
      client.send = async (command) => {
        const answer = answers.get(nameOf(command));
        if (!answer) throw new Error(`the store was never asked for ${nameOf(command)}`);
        return answer;
      };
    },
  };
}

async function measure({ token, path, runs }: ProductJob): Promise<ProductResult> {
  const identified = await authorizer({
    type: "TOKEN",
    methodArn: "arn:aws:execute-api:us-east-1:000000000000:api/dev/POST/run",
    authorizationToken: `Bearer ${token}`,
  });
  const request: CallRequest = {
    method: "POST",
    path: `${path}/run`,
    body: { mode: "sync", input: { n: 1 } },
    authorizer: identified.context as Record<string, string>,
  };
  const run = async (): Promise<void> => {
    const { status, text } = await callApi(handler, request);
    if (status !== 200) throw new Error(`${status}: ${text}`);
  };
  const repeat = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += 1) await run();
  };
  const store = replay();
  store.record();
  await repeat(WARM_UP);
  const withClient = (await cpuMs(() => repeat(runs))) / runs;
  store.play();
  await repeat(WARM_UP);
  const withoutClient = (await cpuMs(() => repeat(runs))) / runs;
  return { withClient, withoutClient };
}

let input = "";
for await (const chunk of process.stdin.setEncoding("utf8")) input += chunk;
const result = await measure(JSON.parse(input) as ProductJob);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
