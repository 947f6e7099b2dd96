import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { type CallResponse, callApi } from "./call.ts";
import { startKms } from "./kms.ts";
import { startFiles } from "./objects.ts";
import { makePerson, makeSpace, type Person } from "./people.ts";
import { startTable } from "./table.ts";

/** A request that the outside world got. */
export interface Heard {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Credentials and workflows by their real functions, for an owner and a member of one space, and a server that echoes. */
export interface CredentialWorld {
  ann: Person;
  bob: Person;
  spaceId: string;
  url: string;
  /** What the server outside heard. `/fail` answers 500. */
  seen: Heard[];
  /** In the space, unless another is named. */
  call(method: string, path: string, body?: unknown, person?: Person, space?: string): Promise<CallResponse>;
  /** Makes a credential: a bearer token for the server, unless said otherwise. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  make(over?: object): Promise<any>;
  /** A workflow of one request with the credential, published; gives its id. */
  publish(credentialId: string, config?: object): Promise<string>;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  run(workflowId: string, body?: object): Promise<any>;
  close(): Promise<void>;
}

let made = 0;

export async function startCredentialWorld(): Promise<CredentialWorld> {
  process.env.WEFT_EGRESS_LOOPBACK = "allow";
  process.env.RUN_WORKFLOW_ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:RunWorkflow";
  const { handler: credentials } = await import("../../functions/credential/index.ts");
  const { handler: workflows } = await import("../../functions/workflow/index.ts");
  const [table, files, kms] = await Promise.all([startTable(), startFiles(), startKms()]);
  const [ann, bob] = [await makePerson("ann"), await makePerson("bob")];
  const spaceId = await makeSpace([
    { person: ann, role: "owner" },
    { person: bob, role: "member" },
  ]);
  const seen: Heard[] = [];
  const outside = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? "/";
    seen.push({ path, headers: request.headers, body });
    // The worst of answers: it says back whatever it was told, here across the cut of an error's text.
    const echo = JSON.stringify({ path, headers: request.headers, body });
    const isFailure = path.startsWith("/fail");
    response.writeHead(isFailure ? 500 : 200, { "x-echo": String(request.headers.authorization ?? "") });
    response.end(isFailure ? `${"x".repeat(480)}${request.headers.authorization}` : echo);
  });
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;

  const call: CredentialWorld["call"] = (method, path, body, person = ann, space = spaceId) =>
    callApi((/^\/(workflows|executions)\b/.test(path) ? workflows : credentials) as never, {
      method,
      path: `/api/spaces/${space}${path}`,
      ...(body === undefined ? {} : { body }),
      authorizer: person.authorizer,
    });
  return {
    ...{ ann, bob, spaceId, url, seen, call },
    make: async (over = {}) => {
      const data = { token: "canary-bearer-token-12345" };
      const body = { name: `c${++made}`, type: "bearer", data, allowedHosts: [url], ...over };
      const { status, json } = await call("POST", "/credentials", body);
      expect([status, json.error]).toEqual([201, undefined]);
      return json;
    },
    publish: async (credentialId, config = {}) => {
      const canvas = requestCanvas({ url: `${url}/ok`, credentialId, ...config });
      const { json } = await call("POST", "/workflows", { name: `w${++made}`, canvas });
      const published = await call("POST", `/workflows/${json.id}/publish`, { force: true });
      expect([published.status, published.json.error]).toEqual([201, undefined]);
      return json.id;
    },
    run: async (workflowId, body = {}) =>
      (await call("POST", `/workflows/${workflowId}/run`, { mode: "sync", ...body }, bob)).json,
    close: async () => {
      await Promise.all([table.close(), files.close(), kms.close(), new Promise((resolve) => outside.close(resolve))]);
    },
  };
}

/** A canvas of one HTTP request, whose body is the result. */
export function requestCanvas(config: object) {
  return {
    nodes: [
      { id: "start", type: "start", data: {} },
      { id: "ask", type: "http_request", data: { config } },
      { id: "end", type: "end", data: { inputs: [{ name: "body", ref: "ask.body" }] } },
    ],
    edges: [
      { id: "a", source: "start", target: "ask" },
      { id: "b", source: "ask", target: "end" },
    ],
  };
}
