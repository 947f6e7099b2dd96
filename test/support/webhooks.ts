import { createHmac } from "node:crypto";
import { type Resident, type StackWorld, startWorld } from "./world.ts";

/** What a hook answered, with its bytes as they came. */
export interface HookAnswer {
  status: number;
  headers: Headers;
  bytes: Buffer;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  json: any;
}

type Body = string | Uint8Array<ArrayBuffer> | FormData | object;

/** The product on this machine, somebody with a space, and callers of that space's webhooks. */
export interface HookWorld {
  world: StackWorld;
  owner: Resident;
  /** A path of the person's space. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  must(status: number, method: string, path: string, body?: unknown, person?: Resident): Promise<any>;
  /** Makes a workflow of a canvas and publishes it; gives its id. */
  publish(canvas: unknown, person?: Resident, settings?: object): Promise<string>;
  /** Makes a webhook. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  hook(workflowId: string, over?: object, person?: Resident): Promise<any>;
  /** Calls a path below `/hooks`; an object is sent as JSON. */
  call(method: string, path: string, body?: Body, headers?: Record<string, string>): Promise<HookAnswer>;
  close(): Promise<void>;
}

let made = 0;

export async function startHookWorld(): Promise<HookWorld> {
  const world = await startWorld();
  const owner = await world.signUp();
  const must: HookWorld["must"] = async (status, method, path, body, person = owner) => {
    const given = { token: person.token, ...(body === undefined ? {} : { body }) };
    const answer = await world.call(method, `/api/spaces/${person.spaceId}${path}`, given);
    if (answer.status !== status) {
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.json)}`);
    }
    return answer.json;
  };
  return {
    ...{ world, owner, must },
    publish: async (canvas, person, settings) => {
      const body = { name: `w${++made}`, canvas, ...(settings ? { settings } : {}) };
      const { id } = await must(201, "POST", "/workflows", body, person);
      await must(201, "POST", `/workflows/${id}/publish`, { force: true }, person);
      return id;
    },
    hook: (workflowId, over = {}, person) =>
      must(201, "POST", "/webhooks", { name: `h${++made}`, workflowId, ...over }, person),
    call: async (method, path, body, headers = {}) => {
      const isPlain = typeof body === "string" || body instanceof Uint8Array || body instanceof FormData;
      const type: Record<string, string> = body === undefined || isPlain ? {} : { "content-type": "application/json" };
      const response = await fetch(`${world.stack.url}${path}`, {
        method,
        headers: { ...type, ...headers },
        redirect: "manual",
        ...(body === undefined ? {} : { body: isPlain ? body : JSON.stringify(body) }),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      const isJson = bytes.length > 0 && (response.headers.get("content-type")?.includes("json") ?? false);
      const text = bytes.toString("utf8");
      return {
        status: response.status,
        headers: response.headers,
        bytes,
        text,
        json: isJson ? JSON.parse(text) : undefined,
      };
    },
    close: () => world.close(),
  };
}

/** Nodes from `start` to `end`, in a row. */
export function row(...nodes: { id: string; type: string; data: object }[]) {
  const ids = nodes.map(({ id }) => id);
  return { nodes, edges: ids.slice(1).map((target, index) => ({ source: ids[index], target })) };
}

/** A workflow that gives back what of a call it was started with. */
export const echo = row(
  {
    id: "start",
    type: "start",
    data: {
      outputs: [
        { name: "method", type: "string" },
        { name: "path", type: "string" },
        ...["params", "query", "headers", "body", "files"].map((name) => ({ name, type: "any" })),
      ],
    },
  },
  {
    id: "end",
    type: "end",
    data: {
      inputs: ["method", "path", "params", "query", "headers", "body", "files"].map((name) => ({
        name,
        ref: `start.${name}`,
      })),
    },
  },
);

export function githubSignature(secret: string, body: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
