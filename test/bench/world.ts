import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { synthTemplates } from "../../infra/synth.ts";
import type { BenchCanvas } from "./canvases.ts";

const PASSWORD = "correct horse battery";
const SYNTH_CACHE = join(import.meta.dirname, "../../.weft/synth");
const PUBLISHED = { force: true };

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: benches read what the answer says it is
  json: any;
}

/** The local cloud in this process, a person with a space in it, and a server for HTTP nodes to call. */
export interface BenchWorld {
  stack: WeftStack;
  token: string;
  spaceId: string;
  /** What HTTP nodes call; answers at once. */
  target: string;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** A published workflow; gives its path under the API. */
  publish(canvas: BenchCanvas, settings?: object): Promise<string>;
  close(): Promise<void>;
}

export async function startWorld(options: { dataDir?: string } = {}): Promise<BenchWorld> {
  const server = await targetServer();
  // The templates are kept beside the repository's own data, so that a new folder of data needs no synth.
  const { directory: assembly } = await synthTemplates({ outdir: SYNTH_CACHE });
  const stack = await startWeft({
    ...options,
    assembly,
    env: { WEFT_EGRESS_LOOPBACK: "allow", POWERTOOLS_LOG_LEVEL: "WARN" },
  });
  const close = async (): Promise<void> => {
    await stack.close();
    server.closeAllConnections();
    server.close();
  };
  try {
    const person = await signUp(stack.url);
    await stopSchedules(stack);
    const call = caller(stack.url, person.token);
    return { stack, ...person, target: urlOf(server), call, publish: publisher(call, person.spaceId), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function targetServer(): Promise<Server> {
  const server = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

function caller(url: string, token?: string): BenchWorld["call"] {
  return async (method, path, body) => {
    const headers = {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
  };
}

async function signUp(url: string): Promise<{ token: string; spaceId: string }> {
  const post = caller(url);
  const email = "bench@example.com";
  await must(post("POST", "/api/auth/register", { email, password: PASSWORD, userName: "bench" }));
  const { token, user } = await must(post("POST", "/api/auth/login", { email, password: PASSWORD }));
  return { token, spaceId: user.personalSpaceId };
}

function publisher(call: BenchWorld["call"], spaceId: string): BenchWorld["publish"] {
  let count = 0;
  return async (canvas, settings = {}) => {
    const base = `/api/spaces/${spaceId}/workflows`;
    count += 1;
    const { id } = await must(call("POST", base, { name: `bench ${count}`, canvas, settings }));
    await must(call("POST", `${base}/${id}/publish`, PUBLISHED));
    return `${base}/${id}`;
  };
}

/** The answer's body; throws where the call was refused. */
export async function must(answer: Promise<Answer>): Promise<Answer["json"]> {
  const { status, json } = await answer;
  if (status >= 300) throw new Error(`${status}: ${JSON.stringify(json)}`);
  return json;
}

/** Jobs that run by the clock would be counted among what a run costs. */
async function stopSchedules(stack: WeftStack): Promise<void> {
  const { scheduler } = stack.aws;
  const call = async (method: string, path: string) => {
    const response = await scheduler.handle({ method, path, body: "" });
    return JSON.parse(response?.body ?? "{}") as { Schedules?: { Name: string; GroupName: string }[] };
  };
  for (const { Name, GroupName } of (await call("GET", "/schedules")).Schedules ?? []) {
    await call("DELETE", `/schedules/${encodeURIComponent(Name)}?groupName=${encodeURIComponent(GroupName)}`);
  }
  await stack.idle();
}
