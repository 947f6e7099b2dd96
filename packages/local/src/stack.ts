import type { ServerResponse } from "node:http";
import { createGateway } from "./apigateway/gateway.ts";
import { readRestApi } from "./apigateway/model.ts";
import { type AwsServer, startAws } from "./aws/server.ts";
import type { StackClock } from "./clock.ts";
import { type DynamoServer, startDynamo } from "./dynamo/server.ts";
import { handleInvoke } from "./lambda/invoke-api.ts";
import { LambdaPool } from "./lambda/pool.ts";
import { type ObjectsServer, startObjects } from "./objects/server.ts";
import type { Sfn } from "./sfn/index.ts";
import { withAsyncConfig } from "./stack/async-config.ts";
import { type Counts, countsOf } from "./stack/counters.ts";
import { applyBucketsAndQueues, applyTables, bucketListener } from "./stack/data-resources.ts";
import { ACCOUNT, type Endpoints, functionEnvironment, REGION } from "./stack/environment.ts";
import { GatewayServer } from "./stack/gateway-server.ts";
import { startMachines } from "./stack/machines.ts";
import { type IncomingMail, mailReceiver } from "./stack/mail-in.ts";
import { addOperatorApi } from "./stack/operator-api.ts";
import { type Settings, settle, type WeftOptions } from "./stack/options.ts";
import { deadLetter, deliver, type Receivers, readRules } from "./stack/rules.ts";
import { applySchedules } from "./stack/schedules.ts";
import { ServiceServer } from "./stack/service-server.ts";
import { readAssembly } from "./template/assembly.ts";
import { readFunctions } from "./template/functions.ts";
import { resolveTemplates } from "./template/resolve.ts";
import type { Resource } from "./template/types.ts";

export type { WeftOptions } from "./stack/options.ts";

/** How long `idle` waits for functions that run on. */
const IDLE_LIMIT_MS = 30_000;

/** The services of a running local cloud. */
export interface WeftServices {
  clock: StackClock;
  pool: LambdaPool;
  dynamo: DynamoServer;
  objects: ObjectsServer;
  /** KMS, SES, EventBridge and Scheduler. */
  aws: AwsServer;
  sfn: Sfn;
  /** Resolves when the events of the services themselves are on the bus. */
  eventsPut(): Promise<void>;
  resources: readonly Resource[];
  /** Takes a mail as it comes in; gives its id where a rule of the templates wants it. */
  mailIn(mail: IncomingMail): Promise<string | undefined>;
}

/** A running local cloud. */
export interface WeftStack extends WeftServices {
  /** Where the API answers; the deployed API's paths without the stage. */
  url: string;
  endpoints: Endpoints;
  /** The AWS SDK's variables that lead a client of the test or tool here. */
  environment: Record<string, string>;
  /** What the services did since the start. */
  counts(): Counts;
  /** Moves time forward for services and functions alike; what becomes due on the way happens in order. */
  advance(ms: number): Promise<void>;
  /** Resolves when no function runs, no machine has work before its next timer and no event waits. */
  idle(): Promise<void>;
  /** Kills what runs of a function, as a crash would; returns how many workers died. */
  killWorker(name: string): number;
  close(): Promise<void>;
}

type Closers = (() => Promise<void> | void)[];

/** Starts the application on this machine from its CloudFormation templates. What fails to start leaves nothing running. */
export async function startWeft(options: WeftOptions = {}): Promise<WeftStack> {
  const settings = await settle(options);
  const closers: Closers = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await build(settings, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(settings: Settings, closers: Closers, close: () => Promise<void>): Promise<WeftStack> {
  const { clock, log } = settings;
  closers.push(() => clock.close());
  const pool = new LambdaPool({ clock, log, limits: settings.limits, compileCache: settings.compileCache });
  const stores = await startStores(settings, pool, closers);
  const services = new ServiceServer();
  const endpoints: Endpoints = { ...stores.addresses, services: await services.listen() };
  closers.push(() => services.close());
  const { aws, dynamo, objects } = stores;
  const keyId = (name: string) => aws.kms.ensureKey(name).keyId;
  const place = { region: REGION, account: ACCOUNT, queueBase: endpoints.sqs, keyId };
  const resources = resolveTemplates(readAssembly(settings.assembly), place);
  await applyTables(resources, dynamo.service);
  applyBucketsAndQueues(resources, objects);
  stores.listen(resources);
  const environment = functionEnvironment(endpoints);
  const gateway = await openGateway(settings, resources, pool, closers);
  const publicUrl = { WEFT_PUBLIC_URL: gateway.url };
  const functions = readFunctions(resources, {
    entryOf: settings.entryOf,
    environment,
    overrides: { ...publicUrl, ...settings.env },
  });
  for (const fn of withAsyncConfig(functions, resources, endpoints.sqs, log)) pool.define(fn);
  closers.push(() => pool.close());
  services.addPath({ matches: /^\/2015-03-31\/functions\//, handle: (req, res) => handleInvoke(pool, req, res) });
  for (const rule of readRules(resources)) aws.events.putRule(rule);
  const { sfn, eventsPut } = await startSfn(settings, { pool, aws, endpoints, resources }, closers);
  stores.receivers.sfn = () => sfn;
  services.addJson("AWSStepFunctions", (operation, input) => sfn.handler(`AWSStepFunctions.${operation}`, input));
  await applySchedules(resources, aws.scheduler);
  aws.start();
  gateway.serve();
  closers.push(() => gateway.close());
  const mailIn = mailReceiver(resources, { pool, clock, s3Url: endpoints.s3 });
  const parts: WeftServices = { clock, pool, dynamo, objects, aws, sfn, eventsPut, resources, mailIn };
  const stack: WeftStack = { ...parts, ...controlsOf(parts), url: gateway.url, endpoints, environment, close };
  addOperatorApi(services, stack);
  return stack;
}

async function startStores(settings: Settings, pool: LambdaPool, closers: Closers) {
  const { clock, log } = settings;
  const dynamo = await startDynamo({ path: settings.pathOf("dynamodb"), clock });
  closers.push(() => dynamo.close());
  const listener = bucketListener(pool);
  const path = settings.pathOf("objects");
  const objects = await startObjects({ path, region: REGION, clock, onObjectCreated: listener.onObjectCreated });
  closers.push(() => objects.close());
  const receivers: Receivers = { pool, sqsUrl: objects.sqsUrl, sfn: () => undefined, events: () => aws.events };
  const aws: AwsServer = await startAws({
    path: settings.dataDir,
    clock,
    account: { accountId: ACCOUNT, region: REGION },
    onEvent: ({ target, input }) => deliver(receivers, target.arn, JSON.stringify(input)),
    onSchedule: ({ targetArn, input }) => deliver(receivers, targetArn, input),
    onDeadLetter: (lost, reason) => {
      log({ source: "events", level: "error", text: `given up: ${reason}` });
      return deadLetter(objects.sqsUrl, lost, reason);
    },
  });
  closers.push(() => aws.close());
  clock.addSource({ nextDue: () => aws.scheduler.nextDue(), tick: () => aws.scheduler.tick() });
  const addresses = { dynamodb: dynamo.url, s3: objects.s3Url, sqs: objects.sqsUrl, aws: aws.url };
  return { dynamo, objects, aws, receivers, addresses, listen: listener.listen };
}

async function startSfn(
  settings: Settings,
  parts: { pool: LambdaPool; aws: AwsServer; endpoints: Endpoints; resources: readonly Resource[] },
  closers: Closers,
): Promise<{ sfn: Sfn; eventsPut(): Promise<void> }> {
  const { pool, aws, endpoints, resources } = parts;
  const { clock, log } = settings;
  const puts = new Set<Promise<unknown>>();
  const sfn = await startMachines(resources, {
    folder: settings.pathOf("states"),
    clock,
    pool,
    endpoints,
    emitEvent: ({ source, detailType, resources: about, detail }) => {
      const put: Promise<unknown> = aws.events
        .put("default", { source, "detail-type": detailType, resources: about, detail })
        .catch((error: unknown) => log({ source: "events", level: "error", text: String(error) }))
        .finally(() => puts.delete(put));
      puts.add(put);
    },
  });
  const eventsPut = async () => void (await Promise.all(puts));
  closers.push(async () => {
    await sfn.close();
    await eventsPut();
  });
  return { sfn, eventsPut };
}

/** The public port. Functions learn its address before they are there; requests wait until `serve` is called. */
async function openGateway(
  settings: Settings,
  resources: readonly Resource[],
  pool: LambdaPool,
  closers: Closers,
): Promise<{ url: string; serve(): void; close(): Promise<void> }> {
  const { clock, log, port } = settings;
  const api = readRestApi(resources);
  const nothing = (_req: unknown, res: ServerResponse) => void res.writeHead(404).end();
  const listener = api ? createGateway({ api, pool, clock, log }) : nothing;
  let serve = (): void => undefined;
  const isServing = new Promise<void>((resolve) => {
    serve = resolve;
  });
  const server = new GatewayServer((req, res) => void isServing.then(() => listener(req, res)));
  const url = await server.listen(port);
  closers.push(() => server.close());
  return { url, serve: () => serve(), close: () => server.close() };
}

function controlsOf(services: WeftServices): Pick<WeftStack, "counts" | "advance" | "idle" | "killWorker"> {
  const idle = () => untilIdle(services);
  return {
    counts: () => countsOf(services),
    advance: (ms) => services.clock.advance(ms, idle),
    idle,
    killWorker: (name) => services.pool.killWorker(name),
  };
}

async function untilIdle({ pool, sfn, aws, eventsPut }: WeftServices): Promise<void> {
  const until = performance.now() + IDLE_LIMIT_MS;
  for (let quiet = 0; quiet < 3 && performance.now() < until; ) {
    await eventsPut();
    await aws.events.tick();
    await new Promise((resolve) => setTimeout(resolve, 2));
    quiet = pool.active > 0 || sfn.service.isBusy ? 0 : quiet + 1;
  }
}
