import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Json, JsonObject } from "@weft/local/sfn/json";

/** What one recorded execution came to. */
export interface Expected {
  status?: string;
  output?: Json;
  error?: string;
  cause?: Json;
  message?: string;
  validation?: JsonObject;
  mapRun?: JsonObject;
}

export interface WorkerCall {
  api?: string;
  wait?: number;
  times?: number;
  output?: string;
  error?: string;
  cause?: string;
}

export interface Case {
  input?: Json;
  expected: Expected;
  events?: JsonObject[];
  definition?: JsonObject;
}

export interface Fixture extends Case {
  name: string;
  area: string;
  queryLanguage: string;
  definition: JsonObject;
  cases?: Case[];
  lambdas?: Record<string, string>;
  s3?: { bucket: string; key: string; body: string }[];
  stateMachines?: Record<string, JsonObject>;
  queues?: string[];
  workers?: { on?: string; calls?: WorkerCall[]; kind?: string; definition?: JsonObject; input?: Json }[];
  actions?: { api: string }[];
  wildcards?: string[];
  ignoreKeys?: string[];
  eventsOrder?: string;
  machineType?: string;
}

const DIRECTORY = fileURLToPath(new URL("../../../shared/fixtures/asl-conformance/", import.meta.url));

/** False where the recorded cases are not beside the repository. */
export const hasFixtures: boolean = existsSync(DIRECTORY);

export function loadFixtures(): Fixture[] {
  const files = readdirSync(DIRECTORY).filter((name) => name.endsWith(".json"));
  return files.sort().map((name) => JSON.parse(readFileSync(DIRECTORY + name, "utf8")) as Fixture);
}
