import { cheapChain } from "./canvases.ts";
import { inChild } from "./child.ts";
import type { LoadJob, LoadResult } from "./load-child.ts";
import { atLeast, atMost, percentile, type Row, shownOnly } from "./row.ts";
import type { BenchWorld } from "./world.ts";

const RUNS_PER_SECOND = 150;
const P99_MS = 300;
const CONNECTIONS = 25;
const WARM_UP_SECONDS = 5;
/** The best of these counts: what others do on the machine only takes away from it. */
const WINDOWS = 3;

/** Sync runs of three cheap nodes over HTTP, as many as there can be. */
export async function loadRows(world: BenchWorld, isQuick: boolean): Promise<Row[]> {
  const path = await world.publish(cheapChain(3));
  const job: LoadJob = {
    url: `${world.stack.url}${path}/run`,
    headers: { authorization: `Bearer ${world.token}`, "content-type": "application/json" },
    body: JSON.stringify({ mode: "sync", input: { n: 1 } }),
    connections: CONNECTIONS,
    seconds: isQuick ? 4 : 6,
  };
  await generate({ ...job, seconds: WARM_UP_SECONDS });
  const windows: Window[] = [];
  for (let i = 0; i < (isQuick ? 1 : WINDOWS); i += 1) windows.push(await measure(job));
  const { perSecond, latencies, cpuMs } = windows.reduce((a, b) => (b.perSecond > a.perSecond ? b : a));
  const scenario = `3 cheap nodes, ${CONNECTIONS} connections`;
  return [
    atLeast("local stack: runs a second", scenario, perSecond, RUNS_PER_SECOND, "/s"),
    atMost("local stack: p99", scenario, percentile(latencies, 0.99), P99_MS, "ms"),
    shownOnly("local stack: p50", scenario, percentile(latencies, 0.5), "ms"),
    shownOnly("local stack: CPU for one run", scenario, cpuMs, "ms"),
  ];
}

interface Window extends LoadResult {
  /** CPU of this process, its workers included, for one run. */
  cpuMs: number;
}

async function measure(job: LoadJob): Promise<Window> {
  const before = process.cpuUsage();
  const result = await generate(job);
  const { user, system } = process.cpuUsage(before);
  return { ...result, cpuMs: (user + system) / 1000 / result.latencies.length };
}

async function generate(job: LoadJob): Promise<LoadResult> {
  const result = await inChild<LoadResult>("load-child.ts", job);
  if (result.failures > 0)
    throw new Error(`${result.failures} of the runs failed, the first with ${result.firstFailure}`);
  return result;
}
