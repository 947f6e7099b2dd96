import { setTimeout as sleep } from "node:timers/promises";

export const PASSWORD = "correct horse battery";

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  json: any;
}

/** Somebody who uses the product over HTTP, with a space of their own. */
export interface Client {
  /** Where the stack answers; a restarted stack answers elsewhere. */
  url: string;
  token: string;
  spaceId: string;
  /** A path below the person's space. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The same, where anything but the given status is an error of the test. */
  must(status: number, method: string, path: string, body?: unknown): Promise<Answer["json"]>;
  /** Makes a workflow of a canvas and publishes it; gives its id. */
  publish(name: string, canvas: unknown, settings?: object): Promise<string>;
  run(workflowId: string, input: object, options?: object): Promise<Answer["json"]>;
  execution(executionId: string): Promise<Answer["json"]>;
  nodes(executionId: string): Promise<Answer["json"][]>;
}

async function send(url: string, method: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const content = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  return { status: response.status, json: isJson && content !== "" ? JSON.parse(content) : content };
}

let people = 0;

/** Registers and logs in; logs in again where time was moved and the session ended. */
export async function signUp(url: string): Promise<Client> {
  const email = `runner${++people}@example.com`;
  await send(`${url}/api/auth/register`, "POST", { email, password: PASSWORD, userName: `runner${people}` }, {});
  const logIn = (at: string) => send(`${at}/api/auth/login`, "POST", { email, password: PASSWORD }, {});
  const { json } = await logIn(url);
  return clientOf(url, json.token, json.user.personalSpaceId, logIn);
}

function clientOf(url: string, token: string, spaceId: string, logIn: (url: string) => Promise<Answer>): Client {
  const client: Client = {
    url,
    token,
    spaceId,
    call: async (method, path, body, headers = {}) => {
      const once = () => {
        const authorization = `Bearer ${client.token}`;
        return send(`${client.url}/api/spaces/${spaceId}${path}`, method, body, { authorization, ...headers });
      };
      const answer = await once();
      if (answer.status !== 401) return answer;
      client.token = (await logIn(client.url)).json.token;
      return once();
    },
    must: async (status, method, path, body) => {
      const answer = await client.call(method, path, body);
      if (answer.status !== status) {
        throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.json)}`);
      }
      return answer.json;
    },
    publish: async (name, canvas, settings) => {
      const made = await client.must(201, "POST", "/workflows", { name, canvas, ...(settings ? { settings } : {}) });
      await client.must(201, "POST", `/workflows/${made.id}/publish`, { force: true });
      return made.id;
    },
    run: async (workflowId, input, options = {}) => {
      const { status, json } = await client.call("POST", `/workflows/${workflowId}/run`, { input, ...options });
      if (status !== 200 && status !== 202) throw new Error(`run answered ${status}: ${JSON.stringify(json)}`);
      return json;
    },
    execution: (executionId) => client.must(200, "GET", `/executions/${executionId}`),
    nodes: async (executionId) => {
      const items: Answer["json"][] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page: Answer["json"] = await client.must(
          200,
          "GET",
          `/executions/${executionId}/nodes?limit=100${query}`,
        );
        items.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== null);
      return items;
    },
  };
  return client;
}

/** Asks again and again until the answer is not undefined. Throws `what` after the time. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, limitMs = 60_000): Promise<T> {
  for (const started = performance.now(); performance.now() - started < limitMs; await sleep(50)) {
    const found = await ask();
    if (found !== undefined) return found;
  }
  throw new Error(`it did not happen in ${limitMs / 1000} s: ${what}`);
}
