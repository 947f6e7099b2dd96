import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../support/client.ts";
import { type EventWorld, type Heard, startEventWorld } from "../support/event-world.ts";

const MINUTE = 60_000;
const CANARY = "canary-9d17c2";
const secret = `whsec_${Buffer.from(`${CANARY}-signing-key-0123456789`).toString("base64")}`;

let world: EventWorld;
const answers: string[] = [];
beforeAll(async () => {
  world = await startEventWorld();
  const { call } = world.ann;
  world.ann.call = async (...given) => {
    const answer = await call(...given);
    answers.push(JSON.stringify(answer));
    return answer;
  };
}, 180_000);
afterAll(() => world.close());
beforeEach(() => {
  world.heard.length = 0;
});

type Json = Answer["json"];
const headersOf = (heard: Heard | undefined) => heard?.headers as Record<string, string>;

async function subscribe(path: string, over: object = {}): Promise<Json> {
  const types = [`${path.slice(1)}.*`];
  return world.ann.must(201, "POST", "/subscriptions", { name: path, url: world.url + path, types, ...over });
}

/** Posts events of the path's type and waits until all that can be sent now is sent. */
async function happen(path: string, ...data: object[]): Promise<string[]> {
  const events = data.map((one) => ({ type: `${path.slice(1)}.happened`, data: one }));
  const { items } = await world.ann.must(202, "POST", "/events", { events });
  await world.stack.idle();
  return items.map(({ id }: { id: string }) => id);
}

const deliveries = async (id: string): Promise<Json[]> =>
  (await world.ann.must(200, "GET", `/subscriptions/${id}/deliveries`)).items;

describe("a subscription", () => {
  it("gets its events with a signature that the published library takes", async () => {
    const made = await subscribe("/signed", { filter: "event.data.n = 1", headers: { "X-Own": "mine" } });
    const [id] = await happen("/signed", { n: 1 }, { n: 2 });
    expect(world.heard).toHaveLength(1);
    const [heard] = world.heard;
    const verified = new Webhook(made.secret).verify(heard?.body ?? "", headersOf(heard));
    expect(verified).toMatchObject({ id, type: "signed.happened", timestamp: expect.any(String), data: { n: 1 } });
    expect(headersOf(heard)).toMatchObject({ "webhook-id": id, "x-own": "mine", "content-type": "application/json" });
    const tampered = () => new Webhook(made.secret).verify(heard?.body.replace("1", "2") ?? "", headersOf(heard));
    expect(tampered).toThrow();
    const [delivery] = await deliveries(made.id);
    expect(delivery).toMatchObject({ status: "succeeded", eventId: id, attempts: [{ status: 200, error: null }] });
    const shown = await world.ann.must(200, "GET", `/subscriptions/${made.id}`);
    expect(shown.secret).toBeUndefined();
    expect(shown.headerNames).toEqual(["X-Own"]);
  });

  it("signs with both secrets while one takes the other's place", async () => {
    const { ann } = world;
    const made = await subscribe("/rotated");
    const rotated = await ann.must(200, "POST", `/subscriptions/${made.id}/rotate-secret`, { overlapSeconds: 3_600 });
    expect(rotated.secret).not.toBe(made.secret);
    await happen("/rotated", {});
    for (const live of [made.secret, rotated.secret]) {
      expect(new Webhook(live).verify(world.heard[0]?.body ?? "", headersOf(world.heard[0]))).toBeDefined();
    }
  });

  it("is tried again in growing pauses, with the same id, until it answers", async () => {
    const { stack, reactions } = world;
    reactions.set("/flaky", { status: 503 });
    const made = await subscribe("/flaky");
    const [id] = await happen("/flaky", {});
    expect(world.heard).toHaveLength(1);
    await stack.advance(10_000);
    expect(world.heard).toHaveLength(2);
    reactions.set("/flaky", { status: 204 });
    await stack.advance(6 * MINUTE);
    expect(world.heard.map((heard) => headersOf(heard)["webhook-id"])).toEqual([id, id, id]);
    const [delivery] = await deliveries(made.id);
    expect(delivery.attempts.map(({ status }: Json) => status)).toEqual([503, 503, 204]);
    expect((await world.ann.must(200, "GET", `/subscriptions/${made.id}`)).failingSince).toBeNull();
  });

  it("sends nothing to where it may not, follows no redirect, and says so", async () => {
    const { ann, reactions } = world;
    const refused = await subscribe("/private", { url: "https://169.254.169.254/latest/meta-data" });
    reactions.set("/moved", { status: 302, headers: { location: `${world.url}/elsewhere` } });
    const moved = await subscribe("/moved");
    await happen("/private", {});
    await happen("/moved", {});
    expect(world.heard.map(({ path }) => path)).toEqual(["/moved"]);
    const [delivery] = await deliveries(refused.id);
    expect([delivery.status, delivery.attempts.length, delivery.error]).toEqual([
      "dead",
      1,
      expect.stringContaining("not a public"),
    ]);
    expect((await deliveries(moved.id))[0]).toMatchObject({ status: "pending", attempts: [{ status: 302 }] });
    for (const url of ["http://example.com", "ftp://example.com", "https://a:b@example.com", "javascript:1", "x"]) {
      const { status } = await ann.call("POST", "/subscriptions", { name: "x", url, types: ["*"] });
      expect([url, status]).toEqual([url, 400]);
    }
    const ping = await ann.must(200, "POST", `/subscriptions/${refused.id}/test`);
    expect([ping.delivered, ping.status]).toEqual([false, null]);
  });

  it("goes on after a crash of whoever sends, and of the lane", async () => {
    const { stack } = world;
    const made = await subscribe("/crash");
    const work = happen("/crash", ...Array.from({ length: 10 }, (_, n) => ({ n })));
    let killed = 0;
    for (let look = 0; look < 300 && killed < 3; look += 1) {
      killed += stack.killWorker("run-step");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await work;
    for (let minutes = 0; minutes < 18; minutes += 6) await stack.advance(6 * MINUTE);
    expect(killed).toBeGreaterThan(0);
    const sent = await deliveries(made.id);
    expect(sent.map(({ status }: Json) => status)).toEqual(Array(10).fill("succeeded"));
    const heard = world.heard.filter(({ path }) => path === "/crash");
    expect(new Set(heard.map(({ headers }) => headers["webhook-id"])).size).toBe(10);
  });

  it("keeps its secrets to itself, whatever the receiver says back", async () => {
    const { ann, reactions } = world;
    const headers = { Authorization: `Bearer ${CANARY}-header-value` };
    const before = answers.length;
    const made = await subscribe("/echo", { secret, headers });
    // The one answer that shows it.
    answers.splice(before, 1);
    reactions.set("/echo-fail", { status: 500, body: `no ${headers.Authorization} ${secret}` });
    await happen("/echo", {});
    await ann.must(200, "PATCH", `/subscriptions/${made.id}`, { url: `${world.url}/echo-fail` });
    await happen("/echo", {});
    await ann.must(200, "POST", `/subscriptions/${made.id}/test`);
    const moved = await ann.call("PATCH", `/subscriptions/${made.id}`, { url: "https://example.com" });
    expect([moved.status, moved.json.error.message]).toEqual([400, expect.stringContaining("headers")]);
    await ann.must(200, "GET", "/operation-logs");
    const shown = await deliveries(made.id);
    const statuses = shown.flatMap(({ attempts }: Json) => attempts).map(({ status }: Json) => status);
    expect(new Set(statuses)).toEqual(new Set([500, 200]));
    expect(JSON.stringify(shown)).toContain("[redacted]");
    expect(JSON.stringify(world.heard)).toContain(headers.Authorization);
    const stored = await everything();
    for (const form of [CANARY, secret, secret.slice(6, 40)]) {
      const found = (texts: readonly string[]) =>
        texts.filter((text) => text.includes(form)).map((text) => text.slice(0, 200));
      expect([found(stored), found(answers), found(world.logs)]).toEqual([[], [], []]);
    }
  });

  it("is nobody else's", async () => {
    const { ann, bob } = world;
    const made = await subscribe("/mine");
    await happen("/mine", {});
    const [delivery] = await deliveries(made.id);
    const path = `/subscriptions/${made.id}`;
    for (const [method, rest] of [
      ["GET", ""],
      ["POST", "/test"],
      ["GET", "/deliveries"],
      ["GET", `/deliveries/${delivery.id}`],
      ["POST", `/deliveries/${delivery.id}/replay`],
    ] as const) {
      expect([rest, (await bob.call(method, path + rest)).status]).toEqual([rest, 404]);
    }
    world.heard.length = 0;
    await bob.must(202, "POST", "/events", { type: "mine.happened" });
    await world.stack.idle();
    expect(world.heard).toEqual([]);
    await ann.must(204, "DELETE", path);
    await happen("/mine", {});
    expect(world.heard).toEqual([]);
    await ann.must(200, "POST", `${path}/restore`);
    await happen("/mine", {});
    expect(world.heard).toHaveLength(1);
  });
});

const local = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };

/** Every row and object there is, as text. */
async function everything(): Promise<string[]> {
  const { endpoints, resources } = world.stack;
  const db = new DynamoDBClient({ ...local, endpoint: endpoints.dynamodb });
  const s3 = new S3Client({ ...local, endpoint: endpoints.s3, forcePathStyle: true });
  const TableName = resources.find(({ type }) => type.startsWith("AWS::DynamoDB::"))?.name ?? "";
  const found: string[] = [];
  let start: Record<string, never> | undefined;
  do {
    const page = await db.send(new ScanCommand({ TableName, ExclusiveStartKey: start }));
    found.push(...(page.Items ?? []).map((item) => JSON.stringify(item)));
    start = page.LastEvaluatedKey as never;
  } while (start);
  for (const { name: Bucket } of resources.filter(({ type }) => type === "AWS::S3::Bucket")) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    for (const { Key } of Contents) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      found.push(`${Key} ${await Body?.transformToString()}`);
    }
  }
  db.destroy();
  s3.destroy();
  return found;
}
