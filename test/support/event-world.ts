import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { readRules } from "@weft/local/stack/rules";
import { type Answer, type Client, signUp } from "./client.ts";
import { STAY_LOADED } from "./workers.ts";

/** A request that the outside world got. */
export interface Heard {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** How the outside world answers a path. */
export interface Reaction {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** The whole product on the local cloud, two people with a space each, and a receiver of webhooks. */
export interface EventWorld {
  stack: WeftStack;
  ann: Client;
  bob: Client;
  url: string;
  heard: Heard[];
  logs: string[];
  /** By path; 200 where nothing is said. */
  reactions: Map<string, Reaction>;
  /** Whether what is put on the product's bus reaches anybody. */
  deliverEvents(isOn: boolean): void;
  /** Moves time until what listens is known everywhere, and lets everything come to rest. */
  settle(): Promise<void>;
  /** Makes a workflow whose result is what it was given, published. */
  echo(client: Client, name: string): Promise<string>;
  trigger(client: Client, body: object): Promise<Answer["json"]>;
  /** Runs of a workflow that an event trigger started, oldest first. */
  eventRuns(client: Client, workflowId: string): Promise<Answer["json"][]>;
  close(): Promise<void>;
}

/** As long as a process may not know of a new listener, and a little. */
const LISTEN_MS = 4_000;

export async function startEventWorld(): Promise<EventWorld> {
  const heard: Heard[] = [];
  const logs: string[] = [];
  const reactions = new Map<string, Reaction>();
  const outside = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? "/";
    heard.push({ path, headers: request.headers, body });
    const { status, headers = {}, body: text } = reactions.get(path) ?? { status: 200 };
    response.writeHead(status, headers);
    // The worst of answers: it says back whatever it was told.
    response.end(text ?? JSON.stringify({ headers: request.headers, body }));
  });
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
  const stack = await startWeft({
    env: { WEFT_EGRESS_LOOPBACK: "allow", POWERTOOLS_LOG_LEVEL: "DEBUG" },
    log: (line) => void logs.push(JSON.stringify(line)),
    limits: STAY_LOADED,
  });
  const [ann, bob] = [await signUp(stack.url), await signUp(stack.url)];
  return {
    ...{ stack, ann, bob, url, heard, logs, reactions },
    deliverEvents: (isOn) => {
      for (const rule of readRules(stack.resources)) {
        if (JSON.stringify(rule.pattern).includes('"weft"')) stack.aws.events.putRule({ ...rule, isEnabled: isOn });
      }
    },
    settle: async () => {
      await stack.idle();
      await stack.advance(LISTEN_MS);
      await stack.idle();
    },
    echo: (client, name) => client.publish(name, echoCanvas),
    trigger: (client, body) => client.must(201, "POST", "/event-triggers", { name: "t", ...body }),
    eventRuns: async (client, workflowId) => {
      await stack.idle();
      const { items } = await client.must(200, "GET", `/executions?workflowId=${workflowId}&limit=100`);
      const own = items.filter((item: { trigger: { type: string } }) => item.trigger.type === "event").reverse();
      return Promise.all(own.map(({ id }: { id: string }) => client.execution(id)));
    },
    close: async () => {
      await stack.close();
      outside.closeAllConnections();
      await new Promise((resolve) => outside.close(resolve));
    },
  };
}

const echoCanvas = {
  nodes: [
    { id: "start", type: "start", data: { outputs: [{ name: "n", type: "string" }] } },
    { id: "end", type: "end", data: { inputs: [{ name: "n", ref: "start.n" }] } },
  ],
  edges: [{ source: "start", target: "end" }],
};
