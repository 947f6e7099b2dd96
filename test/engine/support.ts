import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readCanvas } from "@weft/engine/canvas";
import { compile, hasErrors, issuesError } from "@weft/engine/compile";
import type { HttpRequest, HttpResponse, NodeDefinition, NodeDeps } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import type { Plan } from "@weft/engine/plan";
import { MemoryJournal, type NodeRecord } from "@weft/engine/record";
import type { RunEvent, RunIo } from "@weft/engine/run/io";
import { type PlanOutcome, runPlan } from "@weft/engine/run/plan";

const FIXTURES = new URL("../../../shared/fixtures/", import.meta.url);

/** Whether the fixtures are beside the repository. Says so once where they are not. */
export function hasFixtures(): boolean {
  const found = existsSync(FIXTURES);
  if (!found) console.info("fixtures are not here: the tests that read them have nothing to do");
  return found;
}

export function fixture(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, FIXTURES), "utf8"));
}

export function fixtureNames(folder: string): string[] {
  const names = readdirSync(new URL(`${folder}/`, FIXTURES), { recursive: true }) as string[];
  return names.filter((name) => name.endsWith(".json")).sort();
}

/** The plan of a canvas that must be without errors. */
export function planOf(canvas: unknown): Plan {
  const { plan, issues } = compile(readCanvas(canvas));
  if (hasErrors(issues)) throw issuesError(issues);
  return plan;
}

export interface TestRun {
  io: RunIo;
  journal: MemoryJournal;
  events: RunEvent[];
  records: NodeRecord[];
  clock: { now: number };
}

/** Everything a run needs, in memory, with a clock that stands still. */
export function testRun(over: Partial<RunIo> = {}, types: Iterable<NodeDefinition> = []): TestRun {
  const journal = new MemoryJournal();
  const events: RunEvent[] = [];
  const records: NodeRecord[] = [];
  const clock = { now: Date.UTC(2026, 0, 1) };
  const all = new Map(nodeTypes);
  for (const definition of types) all.set(definition.type, definition);
  const io: RunIo = {
    executionId: "exe_test",
    journal,
    deps: {},
    types: all,
    now: () => clock.now,
    random: () => 0.5,
    signal: new AbortController().signal,
    emit: (event) => void events.push(event),
    onRecord: (record) => void records.push(record),
    mustYield: () => false,
    variables: {},
    system: {},
    childExecutions: false,
    strictInputs: false,
    ...over,
  };
  return { io, journal, events, records, clock };
}

/** Runs a canvas once, in memory. */
export async function runCanvas(
  canvas: unknown,
  input: Record<string, unknown> = {},
  over: Partial<RunIo> = {},
): Promise<PlanOutcome & { run: TestRun }> {
  const run = testRun(over);
  return { ...(await runPlan(planOf(canvas), input, run.io)), run };
}

/** HTTP over the real `fetch`, to a server of the test. */
export function loopbackHttp(base: string): NonNullable<NodeDeps["http"]> {
  return {
    async request(request: HttpRequest): Promise<HttpResponse> {
      const { pathname, search } = new URL(request.url);
      const answer = await fetch(new URL(pathname + search, base), {
        method: request.method,
        headers: request.headers,
        signal: request.signal,
        ...(request.body === undefined ? {} : { body: request.body as string | Uint8Array<ArrayBuffer> }),
      });
      return {
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: new Uint8Array(await answer.arrayBuffer()),
      };
    },
  };
}
