import type { HeldLock } from "@weft/db/lock";
import type { Ctx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import { jobName } from "./job.schema.ts";

/** Lambda ends a job's function after this long; see the manifest. */
const DEFAULT_TIMEOUT_MS = 300_000;
const SCHEDULE = /^(rate\(\d+ (minute|hour|day)s?\)|cron\([^()]+\))$/;

export interface JobRun {
  /** A system context named for the job. */
  ctx: Ctx;
  /** The job's lock: a late run that lost it writes nothing that is guarded by it. */
  lock: HeldLock;
  /** When the run must be over, in milliseconds since the epoch. A job that has more to do stops before. */
  deadline: number;
}

export interface JobDefinition {
  /** Lower-case words joined by hyphens, unique: the name in the manifest, the API and the rows. */
  name: string;
  /** An EventBridge Scheduler expression: `rate(1 minute)`, `cron(0 3 * * ? *)`. */
  schedule: string;
  timeoutMs?: number;
  /** Does the work and says what it did. It may run again over the same state: a run can die at any point. */
  run(run: JobRun): Promise<Record<string, unknown>>;
}

export type RegisteredJob = Required<JobDefinition>;

const registry = new Map<string, RegisteredJob>();

/** A job as those see it who do not run it. */
export type KnownJob = Pick<JobDefinition, "name" | "schedule">;

const known = new Map<string, KnownJob>();

/** Makes a job known that another function runs. */
export function describeJob({ name, schedule }: KnownJob): void {
  jobName.parse(name);
  if (!SCHEDULE.test(schedule)) throw new Error(`job ${name}: ${schedule} is not a schedule expression`);
  known.set(name, { name, schedule });
}

/** Makes a job that runs here. Functions import the modules of their jobs; the manifest lists the same names. */
export function defineJob(definition: JobDefinition): RegisteredJob {
  const { name } = definition;
  if (registry.has(name)) throw new Error(`job ${name} is defined twice`);
  describeJob(definition);
  const job = { timeoutMs: DEFAULT_TIMEOUT_MS, ...definition };
  registry.set(name, job);
  return job;
}

/** A job, wherever it runs. Throws `not_found` for a name that no job has. */
export function knownJob(name: string): KnownJob {
  const job = known.get(name);
  if (!job) throw notFound("job", name);
  return job;
}

/** All jobs by name, wherever they run. */
export function knownJobs(): KnownJob[] {
  return [...known.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A job that runs here. Throws `not_found`. */
export function getJob(name: string): RegisteredJob {
  const job = registry.get(name);
  if (!job) throw notFound("job", name);
  return job;
}

/** All jobs that run here, by name. */
export function allJobs(): RegisteredJob[] {
  return [...registry.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
