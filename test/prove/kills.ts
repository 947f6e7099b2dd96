import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startWeft } from "@weft/local/stack";
import { type OutsideServer, startOutside } from "../support/calls.ts";
import { type Client, signUp } from "../support/client.ts";
import { randomOf } from "../support/random-plan.ts";
import { called, type Shape, shapes } from "./shapes.ts";
import { StackProcess } from "./stack-process.ts";
import { checkpointsAtRest } from "./stored.ts";

export interface KillOptions {
  kills: number;
  runs: number;
  seed: number;
  /** A folder of the proof's own; emptied before and after. */
  dataDir: string;
  /** Stops killing when this says so. */
  isOver?: () => boolean;
  log?: (line: string) => void;
}

export interface KillReport {
  kills: number;
  /** Kills that hit the stack while it was starting. */
  killsAtStart: number;
  /** Executions that exist in the end; a start whose answer was lost may exist twice. */
  executions: number;
  calls: number;
  /** Calls that were made again because a kill came before their checkpoint. */
  repeated: number;
  /** Checkpoints that a kill left behind, seen before the restart. */
  checkpointsSeen: number;
  problems: string[];
}

/** How long a node's call lasts: most kills meet some. */
const CALL_MS = 150;
/** A kill comes after up to so many calls since the restart and a moment more; one in five meets a starting stack. */
const UP_CALLS = 12;
const MOMENT_MS = 400;
/** What is waited for calls at most: a stack whose runs all wait is killed too. */
const UP_LIMIT_MS = 8000;
const STARTING_MS = 700;
/**
 * Step Functions gives a task up that died nine times (architecture §3: its execution is then settled as failed, rightly).
 * So after this many kills the runs under way may come to their ends, or to what they wait for.
 */
const KILLS_IN_A_ROW = 4;
const CALM_LIMIT_MS = 120_000;

interface Started {
  executionId: string;
  shape: Shape;
  n: string;
}

/**
 * Kills the stack by SIGKILL at random moments while runs of every shape are under way, and holds what comes of them
 * against what a calm machine gives. Before each restart the stored checkpoints are read, at rest.
 */
export async function proveKills(options: KillOptions): Promise<KillReport> {
  const outside = await startOutside();
  outside.answer("refused", () => ({ status: 400, text: "no" }));
  await rm(options.dataDir, { recursive: true, force: true });
  const proof = new KillProof(options, outside);
  try {
    return await proof.run();
  } finally {
    await proof.stack.kill();
    await outside.close();
    await rm(options.dataDir, { recursive: true, force: true });
  }
}

class KillProof {
  readonly stack: StackProcess;
  readonly #options: KillOptions;
  readonly #outside: OutsideServer;
  readonly #random: () => number;
  readonly #started: Started[] = [];
  readonly #byWorkflow = new Map<string, Shape>();
  /** Stored checkpoints after each kill. */
  readonly #checkpoints: Set<string>[] = [];
  readonly #problems: string[] = [];
  #killsAtStart = 0;
  #runs = 0;

  constructor(options: KillOptions, outside: OutsideServer) {
    this.#options = options;
    this.#outside = outside;
    this.#random = randomOf(options.seed);
    this.stack = new StackProcess(options.dataDir);
  }

  async run(): Promise<KillReport> {
    await this.stack.start().answering;
    const client = await this.#setUp();
    const { kills, runs, isOver } = this.#options;
    for (let kill = 1; kill <= kills && !isOver?.(); kill += 1) {
      const upTo = Math.ceil((runs * kill) / kills);
      const stop = new AbortController();
      const busy = Promise.all([this.#startRuns(client, upTo, stop.signal), this.#answer(client, stop.signal)]);
      await this.#randomMoment();
      await this.#kill(stop, busy);
      if (this.#random() < 0.2) await this.#killWhileStarting();
      await this.#restart(client);
      if (kill % KILLS_IN_A_ROW === 0) await this.#calm(client);
      this.#options.log?.(`kill ${kill}: ${this.#runs} runs started, ${this.#outside.calls.length} calls`);
    }
    const last = new AbortController();
    await this.#startRuns(client, runs, last.signal);
    await this.#kill(last, Promise.resolve());
    return this.#finish(client);
  }

  async #calm(client: Client): Promise<void> {
    for (const begun = performance.now(); performance.now() - begun < CALM_LIMIT_MS; await sleep(300)) {
      if ((await this.#openExecutions(client)).length === 0) return;
      for (const run of this.#started) if (run.shape.reply) await answerOne(client, run.executionId, run.shape);
    }
  }

  async #setUp(): Promise<Client> {
    const client = await signUp(this.stack.url);
    const calledId = await client.publish("called", called(this.#outside.url, CALL_MS));
    for (const shape of shapes(this.#outside.url, CALL_MS, calledId)) {
      this.#byWorkflow.set(await client.publish(shape.name, shape.canvas, shape.settings), shape);
    }
    return client;
  }

  /** Starts runs one after another. One whose answer was lost by the kill is started again: it may then exist twice. */
  async #startRuns(client: Client, upTo: number, signal: AbortSignal): Promise<void> {
    const all = [...this.#byWorkflow];
    while (this.#runs < upTo && !signal.aborted) {
      const [workflowId, shape] = all[this.#runs % all.length] as [string, Shape];
      const n = `n${this.#runs}`;
      try {
        const { id } = await client.run(workflowId, { n });
        this.#started.push({ executionId: id, shape, n });
        this.#runs += 1;
      } catch (thrown) {
        if (!signal.aborted && !isLost(thrown)) throw thrown;
        await sleep(20);
      }
    }
  }

  /** Answers what runs ask, again and again until the stack is killed. */
  async #answer(client: Client, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const { executionId, shape } of this.#started.filter((run) => run.shape.reply !== undefined)) {
        await answerOne(client, executionId, shape).catch(() => undefined);
        if (signal.aborted) return;
      }
      await sleep(200);
    }
  }

  async #randomMoment(): Promise<void> {
    const target = this.#outside.calls.length + Math.floor(this.#random() * UP_CALLS);
    const moment = this.#random() * MOMENT_MS;
    for (const begun = performance.now(); performance.now() - begun < UP_LIMIT_MS; await sleep(10)) {
      if (this.#outside.calls.length >= target) break;
    }
    await sleep(moment);
  }

  async #kill(stop: AbortController, busy: Promise<unknown>): Promise<void> {
    stop.abort();
    await this.stack.kill();
    await busy;
    await this.#look();
  }

  async #look(): Promise<void> {
    this.#checkpoints.push(await checkpointsAtRest(join(this.#options.dataDir, "dynamodb")));
    this.#outside.generation = this.#checkpoints.length;
  }

  async #killWhileStarting(): Promise<void> {
    this.#killsAtStart += 1;
    const { answering } = this.stack.start();
    await Promise.race([sleep(this.#random() * STARTING_MS), answering.catch(() => undefined)]);
    await this.stack.kill();
    await this.#look();
  }

  async #restart(client: Client): Promise<void> {
    await this.stack.start().answering;
    client.url = this.stack.url;
  }

  /** The rest goes on in this process, where time can be moved: waits, retries and the sweeper take no real time. */
  async #finish(client: Client): Promise<KillReport> {
    const stack = await startWeft({ dataDir: this.#options.dataDir, env: { WEFT_EGRESS_LOOPBACK: "allow" } });
    try {
      client.url = stack.url;
      let open: string[] = [];
      for (let round = 0; round < 60; round += 1) {
        open = await this.#openExecutions(client);
        if (open.length === 0) break;
        for (const run of this.#started) if (run.shape.reply) await answerOne(client, run.executionId, run.shape);
        await sleep(100);
        await stack.advance(30_000);
      }
      for (const id of open) this.#problems.push(`${id} never ended`);
      const executions = await this.#checkResults(client);
      return { ...this.#countCalls(), executions };
    } finally {
      await stack.close();
    }
  }

  async #all(client: Client) {
    const items = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await client.must(200, "GET", `/executions?limit=100${query}`);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return items as { id: string; status: string; workflowId: string; parentExecutionId: string | null }[];
  }

  async #openExecutions(client: Client): Promise<string[]> {
    const ended = new Set(["succeeded", "failed", "cancelled", "timed_out"]);
    return (await this.#all(client)).filter(({ status }) => !ended.has(status)).map(({ id }) => id);
  }

  async #checkResults(client: Client): Promise<number> {
    const all = await this.#all(client);
    const known = new Set(all.map(({ id }) => id));
    for (const { executionId } of this.#started) {
      if (!known.has(executionId)) this.#problems.push(`${executionId} was accepted and is gone`);
    }
    for (const { id, workflowId, parentExecutionId } of all) {
      const shape = this.#byWorkflow.get(workflowId);
      const view = await client.execution(id);
      if (!shape) {
        if (parentExecutionId === null || view.status !== "succeeded") this.#problems.push(`${id} is ${view.status}`);
        continue;
      }
      const expected = JSON.stringify([shape.status, shape.output(view.input.n)]);
      const actual = JSON.stringify([view.status, view.output]);
      if (actual !== expected) {
        this.#problems.push(`${id} (${shape.name}) gave ${actual} ${JSON.stringify(view.error)}, not ${expected}`);
      }
      this.#checkSteps(id, shape, await this.#family(client, id));
    }
    return all.length;
  }

  /** The execution and those that it called. */
  async #family(client: Client, id: string): Promise<string[]> {
    const { items } = await client.must(200, "GET", `/executions/${id}/events`);
    const children = items.flatMap((event: { childExecutionId: string | null }) => event.childExecutionId ?? []);
    return [id, ...children];
  }

  /** Every step of the shape asked the outside, and no step that is not of it. */
  #checkSteps(id: string, shape: Shape, family: readonly string[]): void {
    const keys = new Set(
      this.#outside.calls.map(({ key }) => key).filter((key) => family.includes(key.split(":")[0] ?? "")),
    );
    const found: Record<string, number> = {};
    for (const key of keys) {
      const step = key.split(/[:/]/).at(-1) as string;
      found[step] = (found[step] ?? 0) + 1;
    }
    const sorted = (counts: Record<string, number>) => JSON.stringify(Object.entries(counts).sort());
    if (sorted(found) !== sorted(shape.calls)) {
      this.#problems.push(`${id} (${shape.name}) made the calls ${sorted(found)}, not ${sorted(shape.calls)}`);
    }
  }

  /** A call is made again only where a kill came between and had found no checkpoint. */
  #countCalls(): Omit<KillReport, "executions"> {
    const last = new Map<string, number>();
    let repeated = 0;
    for (const call of this.#outside.calls) {
      const before = last.get(call.key);
      last.set(call.key, call.generation);
      const known = this.#checkpoints.findIndex((stored, at) => at < call.generation && stored.has(call.key));
      if (known >= 0) this.#problems.push(`${call.key} was called again after its checkpoint (kill ${known + 1})`);
      if (before === undefined) continue;
      repeated += 1;
      if (before === call.generation) this.#problems.push(`${call.key} was called twice without a kill between`);
    }
    return {
      kills: this.#checkpoints.length,
      killsAtStart: this.#killsAtStart,
      calls: this.#outside.calls.length,
      repeated,
      checkpointsSeen: this.#checkpoints.at(-1)?.size ?? 0,
      problems: this.#problems,
    };
  }
}

/** No answer came, or one that says so: the stack was killed meanwhile. */
function isLost(thrown: unknown): boolean {
  return thrown instanceof TypeError || /answered 50\d/.test(String(thrown));
}

async function answerOne(client: Client, executionId: string, shape: Shape): Promise<void> {
  const view = await client.execution(executionId);
  for (const event of view.waitingFor) {
    if (event.type === "child") continue;
    await client.call("POST", `/executions/${executionId}/resume`, { eventId: event.id, data: shape.reply });
  }
}
