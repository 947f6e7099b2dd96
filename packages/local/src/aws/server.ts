import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Clock, systemClock } from "@weft/kernel/clock";
import { messageOf } from "@weft/kernel/errors";
import { type EventDelivery, Events } from "./events.ts";
import { Kms } from "./kms.ts";
import { MailService } from "./mail.ts";
import { Records } from "./records.ts";
import { type Invocation, Scheduler, type SchedulerOptions } from "./scheduler.ts";
import type { AwsRequest, AwsResponse } from "./wire.ts";

/** No request of these services is larger: a PutEvents of ten entries. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

export interface AwsOptions {
  /** The folder of the data; without it everything is in memory. */
  path?: string | undefined;
  port?: number;
  clock?: Clock;
  account?: { accountId: string; region: string };
  /** Called for each event and target of a rule; a throw is retried. */
  onEvent?(delivery: EventDelivery, attempt: number): Promise<void> | void;
  /** Called for each firing of a schedule; a throw is retried. */
  onSchedule?(invocation: Invocation, attempt: number): Promise<void> | void;
  /** What was given up after all retries, for its dead letter queue. */
  onDeadLetter?(delivery: EventDelivery | Invocation, reason: string): Promise<void> | void;
  missedSchedules?: SchedulerOptions["missed"];
}

/** The small services on one address: KMS, SESv2, EventBridge and Scheduler. */
export interface AwsServer {
  url: string;
  port: number;
  kms: Kms;
  mail: MailService;
  events: Events;
  scheduler: Scheduler;
  /** Answers a request of any of the services; undefined when it is for none of them. */
  handle(request: AwsRequest): Promise<AwsResponse | undefined>;
  /** Begins to deliver and to fire; call it when rules and targets stand. */
  start(): void;
  close(): Promise<void>;
}

/** Opens the services; they answer at once and act after {@link AwsServer.start}. */
export async function startAws(options: AwsOptions = {}): Promise<AwsServer> {
  const { records, kms, mail, events, scheduler } = await openServices(options);
  const handle = async (request: AwsRequest) => {
    for (const service of [kms, mail, events, scheduler]) {
      const response = await service.handle(request);
      if (response) return response;
    }
  };
  const { port, close } = await listen(handle, options.port ?? 0);
  const start = () => {
    events.start();
    scheduler.start();
  };
  const closeAll = async () => {
    await close();
    await scheduler.close();
    await events.close();
    await records.close();
  };
  return { url: `http://127.0.0.1:${port}`, port, kms, mail, events, scheduler, handle, start, close: closeAll };
}

async function openServices(options: AwsOptions) {
  const { path } = options;
  const clock = options.clock ?? systemClock;
  const account = options.account ?? { accountId: "000000000000", region: process.env.AWS_REGION ?? "us-east-1" };
  const inside = (name: string) => (path === undefined ? undefined : join(path, name));
  const records = await Records.open(inside("aws"));
  const kms = new Kms({ file: inside("kms.json"), account });
  const mail = new MailService({ folder: inside("mail"), clock });
  const giveUp = options.onDeadLetter && { giveUp: options.onDeadLetter };
  const common = { records, clock, account, ...giveUp };
  const events = await Events.load({ ...common, deliver: options.onEvent ?? (() => undefined) });
  const missed = options.missedSchedules && { missed: options.missedSchedules };
  const scheduler = await Scheduler.load({ ...common, ...missed, invoke: options.onSchedule ?? (() => undefined) });
  return { records, kms, mail, events, scheduler };
}

type Handle = AwsServer["handle"];

async function listen(handle: Handle, wanted: number): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(handle, request, response).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(wanted, "127.0.0.1", resolve);
  });
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, close };
}

async function answer(handle: Handle, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let result: AwsResponse | undefined;
  try {
    result = await handle(await readRequest(request));
  } catch (error) {
    console.error(error);
    result = { status: 500, headers: {}, body: JSON.stringify({ message: messageOf(error) }) };
  }
  const unknown = { status: 404, headers: {}, body: JSON.stringify({ __type: "UnknownOperationException" }) };
  const { status, headers, body } = result ?? unknown;
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
}

async function readRequest(request: IncomingMessage): Promise<AwsRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_REQUEST_BYTES) throw new Error("the request is too large");
    chunks.push(chunk);
  }
  const target = request.headers["x-amz-target"];
  return {
    method: request.method ?? "GET",
    path: request.url ?? "/",
    ...(typeof target === "string" && { target }),
    body: Buffer.concat(chunks).toString("utf8"),
  };
}
