import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { call, canvas, end, node, start, text } from "../support/canvas.ts";
import { until } from "../support/client.ts";
import { type StackWorld, startStackWorld } from "../support/stack-world.ts";

// A stack in a busy machine: hours of its time are moved in one test.
vi.setConfig({ testTimeout: 180_000 });

const SECOND = 1000;
const TIMEOUT_SECONDS = 600;
/** By then every execution is final (timeout + 60 s). */
const FINAL_MS = (TIMEOUT_SECONDS + 60) * SECOND;
const TERMINAL = ["succeeded", "failed", "cancelled", "timed_out"];

let world: StackWorld;

beforeAll(async () => {
  world = await startStackWorld();
}, 120_000);
afterAll(() => world.close());
afterEach(() => world.deliverStatusChanges(true));

/** start → a → (what may stop it) → z → end */
async function workflow(name: string, middle: ReturnType<typeof node>): Promise<string> {
  const { url } = world.outside;
  const nodes = [
    start(text("n")),
    call(url, `${name}-a`, ["start.n"]),
    middle,
    call(url, `${name}-z`, ["start.n"]),
    end({ out: `${name}-z.body` }),
  ];
  return world.client.publish(name, canvas(nodes, `start>${name}-a>${middle.id}>${name}-z>end`));
}

const options = (mode: string) => ({ mode, timeoutSeconds: TIMEOUT_SECONDS });
const pause = () => node("pause", "wait", { mode: "duration", ms: 7 * 86_400_000 });
const question = () => node("who", "question", { question: "?" });

async function started(name: string): Promise<{ id: string }> {
  const { items } = await world.client.must(200, "GET", "/executions?limit=20");
  const views = await Promise.all(items.map((item: { id: string }) => world.client.execution(item.id)));
  return views.find((view) => view.input.n === name) ?? Promise.reject(new Error(`no run of ${name}`));
}

/** Waits until a run stands where it will stay by itself. */
async function standsAt(id: string, status: string): Promise<void> {
  await until(`${id} is ${status}`, async () => {
    const view = await world.client.execution(id);
    return view.progress.current.some((item: { status: string }) => item.status === "waiting") || view.status === status
      ? true
      : undefined;
  });
  await world.stack.idle();
}

describe("an execution whose deadline passes", () => {
  it.each(["async", "sync"] as const)("while it waits for a time is timed out, in %s mode", async (mode) => {
    const name = `wait-${mode}`;
    const { id } = await world.client.run(await workflow(name, pause()), { n: name }, options(mode));
    await standsAt(id, "waiting");
    await world.stack.advance(FINAL_MS);
    expect(await world.client.execution(id)).toMatchObject({ status: "timed_out", error: { code: "timeout" } });
    expect(world.outside.of(`${name}-a`)).toHaveLength(1);
    expect(world.outside.of(`${name}-z`)).toEqual([]);
  });

  it("while it waits for an answer is timed out", async () => {
    const { id } = await world.client.run(await workflow("ask", question()), { n: "ask" }, options("async"));
    await standsAt(id, "waiting");
    await world.stack.advance(FINAL_MS);
    expect((await world.client.execution(id)).status).toBe("timed_out");
  });
});

describe("an execution whose Lambda died", () => {
  it("repeats the node under the same key and ends, in async mode", async () => {
    const dying = world.outside.hold("once");
    const id = await world.client.publish(
      "once",
      canvas(
        [start(text("n")), call(world.outside.url, "once", ["start.n"]), end({ out: "once.body" })],
        "start>once>end",
      ),
    );
    const run = await world.client.run(id, { n: "1" }, options("async"));
    await dying.arrived;
    expect(world.stack.killWorker("run-step")).toBeGreaterThan(0);
    dying.open();
    await world.stack.advance(FINAL_MS);
    expect(await world.client.execution(run.id)).toMatchObject({ status: "succeeded", output: { out: "once(1)" } });
    expect(world.outside.of("once").map(({ key }) => key)).toEqual([`${run.id}:once`, `${run.id}:once`]);
  });

  it("is final also where it dies each time, in async mode", async () => {
    world.outside.answer("deadly", () => {
      world.stack.killWorker("run-step");
      return { status: 200, text: "nobody hears this" };
    });
    const id = await world.client.publish(
      "deadly",
      canvas(
        [start(text("n")), call(world.outside.url, "deadly", ["start.n"]), end({ out: "deadly.body" })],
        "start>deadly>end",
      ),
    );
    const run = await world.client.run(id, { n: "1" }, options("async"));
    await world.stack.advance(FINAL_MS);
    const view = await world.client.execution(run.id);
    expect(["failed", "timed_out"]).toContain(view.status);
    expect(new Set(world.outside.of("deadly").map(({ key }) => key))).toEqual(new Set([`${run.id}:deadly`]));
  });

  it.each(["sync", "stream"] as const)("is settled as interrupted and never run again, in %s mode", async (mode) => {
    const name = `died-${mode}`;
    const dying = world.outside.hold(`${name}-a`);
    const id = await workflow(name, call(world.outside.url, `${name}-m`, ["start.n"]));
    const answer = world.client.call("POST", `/workflows/${id}/run`, { input: { n: name }, ...options(mode) });
    answer.catch(() => undefined);
    await dying.arrived;
    const run = await started(name);
    expect(world.stack.killWorker("workflow")).toBeGreaterThan(0);
    dying.open();
    await answer.catch(() => undefined);
    await world.stack.advance(FINAL_MS);
    const view = await world.client.execution(run.id);
    expect(view).toMatchObject({ status: "failed", error: { code: "interrupted" } });
    expect(world.outside.of(`${name}-a`)).toHaveLength(1);
    expect(world.outside.of(`${name}-m`)).toEqual([]);
  });
});

describe("an execution whose machine was aborted", () => {
  it("fails at once where the event arrives", async () => {
    const { id } = await world.client.run(await workflow("told", question()), { n: "told" }, options("async"));
    await standsAt(id, "waiting");
    await world.abortLanes(id);
    await world.stack.idle();
    const view = await until("it ended", async () => {
      const seen = await world.client.execution(id);
      return TERMINAL.includes(seen.status) ? seen : undefined;
    });
    expect(view).toMatchObject({ status: "failed", error: { code: "internal" } });
  });

  it("is final by its deadline where the event is lost", async () => {
    world.deliverStatusChanges(false);
    const { id } = await world.client.run(await workflow("untold", question()), { n: "untold" }, options("async"));
    await standsAt(id, "waiting");
    await world.abortLanes(id);
    await world.stack.idle();
    expect((await world.client.execution(id)).status).toBe("waiting");
    await world.stack.advance(FINAL_MS);
    expect((await world.client.execution(id)).status).toBe("timed_out");
  });

  it("is taken over where it has time left, and ends with its answer", async () => {
    world.deliverStatusChanges(false);
    const id = await workflow("over", question());
    const run = await world.client.run(id, { n: "over" }, { mode: "async", timeoutSeconds: 7200 });
    await standsAt(run.id, "waiting");
    await world.abortLanes(run.id);
    await world.stack.advance(17 * 60 * SECOND);
    const { waitingFor } = await world.client.execution(run.id);
    expect(waitingFor).toHaveLength(1);
    await world.client.must(202, "POST", `/executions/${run.id}/resume`, { eventId: waitingFor[0].id, data: "me" });
    await world.stack.advance(60 * SECOND);
    expect(await world.client.execution(run.id)).toMatchObject({
      status: "succeeded",
      output: { out: "over-z(over)" },
    });
    expect(world.outside.of("over-a")).toHaveLength(1);
  });
});

describe("an execution whose machine timed out", () => {
  it.each([true, false])("is final (told: %s)", async (isTold) => {
    const name = `machine-${isTold}`;
    const workflowId = await workflow(name, question());
    await world.setMachineTimeout(30);
    world.deliverStatusChanges(isTold);
    const { id } = await world.client.run(workflowId, { n: name }, options("async"));
    await standsAt(id, "waiting");
    await world.stack.advance(40 * SECOND);
    await world.stack.idle();
    const soon = await world.client.execution(id);
    expect(soon.status).toBe(isTold ? "failed" : "waiting");
    await world.stack.advance(FINAL_MS);
    expect(TERMINAL).toContain((await world.client.execution(id)).status);
    await world.setMachineTimeout(365 * 86_400);
  });
});

describe("cancel over HTTP", () => {
  it("answers 202, after which no node starts, then 409", async () => {
    const held = world.outside.hold("wide-w0");
    const ids = Array.from({ length: 6 }, (_v, index) => `wide-w${index}`);
    const nodes = [
      start(text("n")),
      ...ids.flatMap((id) => [
        call(world.outside.url, id, ["start.n"]),
        call(world.outside.url, `${id}-next`, [`${id}.body`], { delay: 300 }),
      ]),
      end({ out: "wide-w0-next.body" }),
    ];
    const links = ids.map((id) => `start>${id}>${id}-next>end`).join(" ");
    const workflowId = await world.client.publish("wide", canvas(nodes, links));
    const { id } = await world.client.run(workflowId, { n: "wide" }, options("async"));
    await held.arrived;
    await world.client.must(202, "POST", `/executions/${id}/cancel`);
    const acknowledged = world.outside.mark();
    held.open();
    await world.stack.advance(120 * SECOND);
    const late = world.outside.calls.filter((made) => made.key.startsWith(id) && made.at > acknowledged);
    expect(late.map(({ step }) => step)).toEqual([]);
    expect((await world.client.execution(id)).status).toBe("cancelled");
    expect((await world.client.call("POST", `/executions/${id}/cancel`)).status).toBe(409);
  });
});

describe("at the end", () => {
  it("no execution was left running", async () => {
    await world.stack.advance(2 * 3600 * SECOND);
    const { items } = await world.client.must(200, "GET", "/executions?limit=100");
    expect(items.filter(({ status }: { status: string }) => !TERMINAL.includes(status))).toEqual([]);
    expect(items.length).toBeGreaterThan(8);
  });
});
