import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { JsonObject } from "@weft/local/sfn/json";
import { expect, test } from "vitest";
import { EXPECTED_OUTPUT, EXPECTED_VISITS } from "./sfn-crash-machine.ts";

const CHILD = fileURLToPath(new URL("sfn-crash-child.ts", import.meta.url));
/** How often the process is killed; the long proof sets more. */
const KILLS = Number(process.env.WEFT_PROVE_KILLS ?? 6);
const RUNS_PER_LIFE = 3;
const SHORTEST_LIFE_MS = 250;
const LIFE_SPREAD_MS = 700;

interface Ended {
  name: string;
  status: string;
  output?: string;
  cause?: string;
  events: JsonObject[];
}

interface Life {
  acknowledged: Set<string>;
  known: Set<string>;
  ended: Ended[];
  code: number | null;
}

/** One life of the process: to its end, or until it is killed. */
function live(directory: string, log: string, runs: number, killAfterMs: number | undefined): Promise<Life> {
  const child: ChildProcess = spawn(process.execPath, [CHILD, directory, log, String(runs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const life: Life = { acknowledged: new Set(), known: new Set(), ended: [], code: null };
  let timer: NodeJS.Timeout | undefined;
  createInterface({ input: child.stdout! }).on("line", (line) => {
    // The clock runs from the first sign of life, so that every kill finds work going on.
    if (killAfterMs !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    const [word, rest] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
    if (word === "started") life.acknowledged.add(rest);
    if (word === "known") life.known.add(rest);
    if (word === "ended") life.ended.push(JSON.parse(rest) as Ended);
  });
  return new Promise((resolve) => {
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ ...life, code });
    });
  });
}

function visits(events: JsonObject[], type: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const event of events) {
    if (!String(event.type).startsWith("TaskState") || !String(event.type).endsWith(type)) continue;
    const { name } = (event.stateEnteredEventDetails ?? event.stateExitedEventDetails) as { name: string };
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function check(ended: Ended, calls: string[]): void {
  expect(ended).toMatchObject({ status: "SUCCEEDED" });
  expect(JSON.parse(ended.output!)).toEqual(EXPECTED_OUTPUT);
  expect(ended.events.map((event) => event.id)).toEqual(ended.events.map((_, i) => i + 1));
  expect(visits(ended.events, "Entered")).toEqual(EXPECTED_VISITS);
  expect(visits(ended.events, "Exited")).toEqual(EXPECTED_VISITS);
  const lost = ended.events.filter((event) => event.type === "TaskFailed").length;
  const mine = calls.filter((line) => line.includes(`"run":"${ended.name}"`)).length;
  const expected = Object.entries(EXPECTED_VISITS).reduce(
    (sum, [name, n]) => (/Ask|Nested/.test(name) ? sum : sum + n),
    0,
  );
  // A call is made again only where the history says that its answer was lost.
  expect(mine).toBeLessThanOrEqual(expected + lost);
}

test("killed at random moments, every acknowledged execution ends as it should", {
  timeout: 60_000 + KILLS * 10_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "weft-sfn-"));
  const log = join(directory, "calls.log");
  const acknowledged = new Set<string>();
  const runs = KILLS * RUNS_PER_LIFE;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const life = await live(
        join(directory, "store"),
        log,
        (kill + 1) * RUNS_PER_LIFE,
        SHORTEST_LIFE_MS + Math.random() * LIFE_SPREAD_MS,
      );
      expect(life.code).toBeNull();
      for (const name of acknowledged) expect(life.acknowledged).not.toContain(name);
      for (const name of life.acknowledged) acknowledged.add(name);
    }
    const last = await live(join(directory, "store"), log, runs, undefined);
    expect(last.code).toBe(0);
    for (const name of acknowledged) expect(last.known).toContain(name);
    expect(last.ended.map(({ name }) => name)).toEqual(Array.from({ length: runs }, (_, i) => `run-${i}`));
    const calls = readFileSync(log, "utf8").split("\n");
    for (const ended of last.ended) check(ended, calls);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
