import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, signUp, until } from "../support/client.ts";

const CANARY = "canary-b1f8a9c2";
/** Each way into the product has a secret of its own, so that a find says where it came from. */
const secrets = {
  bearer: `${CANARY}-bearer`,
  password: `${CANARY}-password`,
  header: `${CANARY}-header`,
  query: `${CANARY}-query`,
  rotated: `${CANARY}-rotated`,
  variable: `${CANARY}-variable`,
  refused: `${CANARY}-refused`,
};

let stack: WeftStack;
let client: Client;
let outside: Server;
let url = "";
const heard: { path: string; headers: IncomingHttpHeaders }[] = [];
/** Every answer that a person got, and every line that the product logged. */
const answers: string[] = [];
const logs: string[] = [];

beforeAll(async () => {
  outside = createServer((request, response) => {
    const path = request.url ?? "/";
    heard.push({ path, headers: request.headers });
    const echo = JSON.stringify({ path, headers: request.headers, raw: Object.values(request.headers).join("\n") });
    // Enough of it that outputs go to S3.
    response.writeHead(path.startsWith("/fail") ? 503 : 200, { "x-echo": encodeURIComponent(path) });
    response.end(`${echo}\n`.repeat(300));
  });
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
  stack = await startWeft({
    env: { WEFT_EGRESS_LOOPBACK: "allow", POWERTOOLS_LOG_LEVEL: "DEBUG" },
    log: (line) => void logs.push(JSON.stringify(line)),
  });
  client = await signUp(stack.url);
  const { call } = client;
  client.call = async (...given) => {
    const answer = await call(...given);
    answers.push(JSON.stringify(answer));
    return answer;
  };
}, 180_000);
afterAll(async () => {
  await stack.close();
  outside.closeAllConnections();
  await new Promise((resolve) => outside.close(resolve));
});

const credential = async (type: string, data: object) => {
  const body = { name: `${type} credential`, type, data, allowedHosts: [url], testUrl: `${url}/test` };
  return (await client.must(201, "POST", "/credentials", body)).id as string;
};

/** Requests with credentials one after the other, one of which fails and is absorbed, one inside a loop. */
function canvas(ids: { bearer: string; basic: string; custom: string }) {
  const request = (id: string, config: object, more: object = {}) => ({
    id,
    type: "http_request",
    data: { config, ...more },
  });
  return {
    nodes: [
      { id: "start", type: "start", data: {} },
      request("one", { url: `${url}/one`, credentialId: ids.bearer }),
      request(
        "fails",
        { url: `${url}/fail`, credentialId: ids.basic },
        { onError: { strategy: "default" }, outputs: [{ name: "body", type: "string" }] },
      ),
      request("three", { url: `${url}/three`, credentialId: ids.custom }),
      request(
        "said",
        { url: `${url}/said`, headers: [{ name: "X-Said", value: "{{said}}" }] },
        { inputs: [{ name: "said", variable: "global.spoken" }] },
      ),
      {
        id: "tell",
        type: "output_message",
        data: { config: { content: "{{body}}" }, inputs: [{ name: "body", ref: "said.body" }] },
      },
      {
        id: "end",
        type: "end",
        data: {
          inputs: ["one", "three", "said"].map((name) => ({ name, ref: `${name}.body` })),
        },
      },
    ],
    edges: ["start", "one", "fails", "three", "said", "tell", "end"].flatMap((id, index, all) =>
      index === 0 ? [] : [{ source: all[index - 1] as string, target: id }],
    ),
  };
}

describe("a canary secret", () => {
  it("goes through everything and stays nowhere", async () => {
    const ids = {
      bearer: await credential("bearer", { token: secrets.bearer }),
      basic: await credential("basic", { username: "ada", password: secrets.password }),
      custom: await credential("custom", { headers: { "X-Own": secrets.header }, query: { key: secrets.query } }),
    };
    const variable = { name: "spoken", type: "secret", value: secrets.variable };
    await client.must(201, "POST", "/variables", variable);
    await client.call("POST", "/credentials", { name: "bad", type: "bearer", data: { tokn: secrets.refused } });
    await client.call("POST", "/variables", { name: "spoken", type: "secret", value: secrets.refused });
    const workflowId = await client.publish("canary", canvas(ids));

    const sync = await client.run(workflowId, {}, { mode: "sync" });
    expect([sync.status, sync.error]).toEqual(["succeeded", null]);
    const queued = await client.run(workflowId, {}, { mode: "async" });
    const streamed = await client.call("POST", `/workflows/${workflowId}/run`, { mode: "stream" });
    expect(String(streamed.json)).toContain("[redacted]");
    const ended = await until("the run in lanes ends", async () => {
      const view = await client.execution(queued.id);
      return view.endedAt === null ? undefined : view;
    });
    expect([ended.status, ended.error]).toEqual(["succeeded", null]);
    for (const id of [sync.id, queued.id]) await client.nodes(id);
    const rotated = { data: { token: secrets.rotated } };
    await client.must(200, "POST", `/credentials/${ids.bearer}/rotate`, rotated);
    await client.must(200, "POST", `/credentials/${ids.bearer}/test`);
    for (const id of Object.values(ids)) {
      for (const part of ["", "/versions", "/uses", "/workflows"])
        await client.must(200, "GET", `/credentials/${id}${part}`);
    }
    await client.must(200, "GET", "/variables");
    await client.must(200, "GET", "/operation-logs");

    const said = JSON.stringify(heard);
    const pair = Buffer.from(`ada:${secrets.password}`).toString("base64");
    const { refused: _refused, password: _password, ...sent } = secrets;
    for (const secret of [...Object.values(sent), pair]) expect(said).toContain(secret);

    const stored = [...(await everyItem()), ...(await everyObject())];
    expect(stored.length).toBeGreaterThan(50);
    expect(stored.some((text) => text.includes("[redacted]"))).toBe(true);
    expect(logs.length).toBeGreaterThan(10);
    for (const form of [
      CANARY,
      pair,
      Buffer.from(CANARY).toString("base64").slice(0, 18),
      encodeURIComponent(CANARY),
    ]) {
      const found = (texts: readonly string[]) =>
        texts.filter((text) => text.includes(form)).map((text) => text.slice(0, 300));
      expect({ stored: found(stored), answers: found(answers), logs: found(logs) }).toEqual({
        stored: [],
        answers: [],
        logs: [],
      });
    }
  });
});

const local = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };

async function everyItem(): Promise<string[]> {
  const db = new DynamoDBClient({ ...local, endpoint: stack.endpoints.dynamodb });
  const TableName = stack.resources.find(({ type }) => type.startsWith("AWS::DynamoDB::"))?.name ?? "";
  const items: string[] = [];
  let start: Record<string, never> | undefined;
  do {
    const page = await db.send(new ScanCommand({ TableName, ExclusiveStartKey: start }));
    items.push(...(page.Items ?? []).map((item) => JSON.stringify(item)));
    start = page.LastEvaluatedKey as never;
  } while (start);
  db.destroy();
  return items;
}

async function everyObject(): Promise<string[]> {
  const s3 = new S3Client({ ...local, endpoint: stack.endpoints.s3, forcePathStyle: true });
  const found: string[] = [];
  for (const { name: Bucket } of stack.resources.filter(({ type }) => type === "AWS::S3::Bucket")) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    for (const { Key } of Contents) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      found.push(`${Key} ${await Body?.transformToString()}`);
    }
  }
  s3.destroy();
  return found;
}
