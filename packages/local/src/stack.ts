import type { ServerResponse } from "node:http";
import { createGateway } from "./apigateway/gateway.ts";
import { readRestApi } from "./apigateway/model.ts";
import type { StackClock } from "./clock.ts";
import { type DynamoServer, startDynamo } from "./dynamo/server.ts";
import { handleInvoke } from "./lambda/invoke-api.ts";
import { LambdaPool } from "./lambda/pool.ts";
import { type ObjectsServer, startObjects } from "./objects/server.ts";
import { withAsyncConfig } from "./stack/async-config.ts";
import { type Counts, countsOf } from "./stack/counters.ts";
import { applyBucketsAndQueues, applyTables, bucketListener } from "./stack/data-resources.ts";
import { ACCOUNT, type Endpoints, functionEnvironment, REGION } from "./stack/environment.ts";
import { GatewayServer } from "./stack/gateway-server.ts";
import { addOperatorApi } from "./stack/operator-api.ts";
import { type Settings, settle, type WeftOptions } from "./stack/options.ts";
import { ServiceServer } from "./stack/service-server.ts";
import { readAssembly } from "./template/assembly.ts";
import { readFunctions } from "./template/functions.ts";
import { resolveTemplates } from "./template/resolve.ts";
import type { Resource } from "./template/types.ts";

export type { WeftOptions } from "./stack/options.ts";

/** How long `idle` waits for functions that run on. */
const IDLE_LIMIT_MS = 30_000;

/** A running local cloud. */
export interface WeftStack {
  /** Where the API answers; the deployed API's paths without the stage. */
  url: string;
  endpoints: Endpoints;
  /** The AWS SDK's variables that lead a client of the test or tool here. */
  environment: Record<string, string>;
  clock: StackClock;
  pool: LambdaPool;
  dynamo: DynamoServer;
  objects: ObjectsServer;
  resources: readonly Resource[];
  /** What the services did since the start. */
  counts(): Counts;
  /** Moves time forward for services and functions alike; what becomes due on the way happens in order. */
  advance(ms: number): Promise<void>;
  /** Resolves when no function runs and no event waits for one. */
  idle(): Promise<void>;
  /** Kills what runs of a function, as a crash would; returns how many workers died. */
  killWorker(name: string): number;
  close(): Promise<void>;
}

/** Starts the application on this machine from its CloudFormation templates. What fails to start leaves nothing running. */
export async function startWeft(options: WeftOptions = {}): Promise<WeftStack> {
  const settings = await settle(options);
  const closers: (() => Promise<void> | void)[] = [];
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

type Closers = (() => Promise<void> | void)[];

async function build(settings: Settings, closers: Closers, close: () => Promise<void>): Promise<WeftStack> {
  const { clock, log } = settings;
  const pool = new LambdaPool({ clock, log, limits: settings.limits, compileCache: settings.compileCache });
  closers.push(() => clock.close());
  const stores = await startStores(settings, pool, closers);
  const services = new ServiceServer();
  const endpoints: Endpoints = { ...stores.addresses, services: await services.listen() };
  closers.push(() => services.close());
  const place = { region: REGION, account: ACCOUNT, queueBase: endpoints.sqs };
  const resources = resolveTemplates(readAssembly(settings.assembly), place);
  await applyTables(resources, stores.dynamo.service);
  applyBucketsAndQueues(resources, stores.objects);
  stores.listen(resources);
  const environment = functionEnvironment(endpoints);
  const functions = readFunctions(resources, { entryOf: settings.entryOf, environment, overrides: settings.env });
  for (const fn of withAsyncConfig(functions, resources, endpoints.sqs, log)) pool.define(fn);
  closers.push(() => pool.close());
  services.addPath({ matches: /^\/2015-03-31\/functions\//, handle: (req, res) => handleInvoke(pool, req, res) });
  const url = await startGateway(settings, resources, pool, closers);
  const idle = () => untilIdle(pool);
  const stack: WeftStack = {
    url,
    endpoints,
    environment,
    clock,
    pool,
    dynamo: stores.dynamo,
    objects: stores.objects,
    resources,
    counts: () => countsOf(stores.dynamo.service, pool),
    advance: (ms) => clock.advance(ms, idle),
    idle,
    killWorker: (name) => pool.killWorker(name),
    close,
  };
  addOperatorApi(services, stack);
  return stack;
}

async function startStores(settings: Settings, pool: LambdaPool, closers: Closers) {
  const { clock } = settings;
  const dynamo = await startDynamo({ path: settings.pathOf("dynamodb"), clock });
  closers.push(() => dynamo.close());
  const listener = bucketListener(pool);
  const path = settings.pathOf("objects");
  const objects = await startObjects({ path, region: REGION, clock, onObjectCreated: listener.onObjectCreated });
  closers.push(() => objects.close());
  const addresses = { dynamodb: dynamo.url, s3: objects.s3Url, sqs: objects.sqsUrl };
  return { dynamo, objects, addresses, listen: listener.listen };
}

async function startGateway(
  settings: Settings,
  resources: readonly Resource[],
  pool: LambdaPool,
  closers: Closers,
): Promise<string> {
  const { clock, log, port } = settings;
  const api = readRestApi(resources);
  const nothing = (_req: unknown, res: ServerResponse) => void res.writeHead(404).end();
  const server = new GatewayServer(api ? createGateway({ api, pool, clock, log }) : nothing);
  const url = await server.listen(port);
  closers.push(() => server.close());
  return url;
}

async function untilIdle(pool: LambdaPool): Promise<void> {
  const until = performance.now() + IDLE_LIMIT_MS;
  for (let quiet = 0; quiet < 3 && performance.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    quiet = pool.active > 0 ? 0 : quiet + 1;
  }
}
