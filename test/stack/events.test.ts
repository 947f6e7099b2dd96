import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Client } from "../support/client.ts";
import { type EventWorld, startEventWorld } from "../support/event-world.ts";

let world: EventWorld;
beforeAll(async () => {
  world = await startEventWorld();
}, 180_000);
afterAll(() => world.close());

const MINUTE = 60_000;
const inputs = (runs: { input: { n?: string }; status: string }[]) =>
  runs.map(({ input, status }) => [input.n, status]);
const post = (client: Client, ...events: object[]) => client.must(202, "POST", "/events", { events });

describe("an event trigger", () => {
  it("runs its workflow at the end of another's run, once, however that ran", async () => {
    const { ann } = world;
    const [source, target] = [await world.echo(ann, "source"), await world.echo(ann, "target")];
    const { id } = await world.trigger(ann, {
      types: ["execution.succeeded"],
      filter: `event.data.workflowId = "${source}"`,
      workflowId: target,
      input: '{ "n": event.data.output.n & "!" }',
    });
    await world.settle();
    for (const mode of ["sync", "async"]) await ann.run(source, { n: mode }, { mode });
    expect(inputs(await world.eventRuns(ann, target)).sort()).toEqual([
      ["async!", "succeeded"],
      ["sync!", "succeeded"],
    ]);
    const { items } = await ann.must(200, "GET", "/events?type=execution.*");
    expect(items.length).toBeGreaterThan(0);
    expect(items.map((item: { status: string }) => item.status)).toEqual(items.map(() => "dispatched"));
    const shown = await ann.must(200, "GET", `/event-triggers/${id}`);
    expect(shown).toMatchObject({ lastError: null, lastExecutionId: expect.stringMatching(/^exe_/) });
    await ann.must(204, "DELETE", `/event-triggers/${id}`);
  });

  it("takes events of its types that its filter lets through, of its own space alone", async () => {
    const { ann, bob } = world;
    const [target, others] = [await world.echo(ann, "orders"), await world.echo(bob, "orders")];
    const wanted = { types: ["order.*"], filter: "event.data.total > 100 and event.source = 'shop'" };
    await world.trigger(ann, { ...wanted, workflowId: target });
    const everything = await world.trigger(bob, { types: ["*"], workflowId: others });
    const order = (n: string, total: number, more: object = {}) => ({
      ...{ type: "order.created", source: "shop", data: { n, total } },
      ...more,
    });
    await post(
      ann,
      order("big", 500),
      order("small", 5),
      order("elsewhere", 500, { source: "else" }),
      order("other", 500, { type: "orders.created" }),
      order("deep", 500, { type: "order.line.added" }),
    );
    expect(inputs(await world.eventRuns(ann, target)).sort()).toEqual([
      ["big", "succeeded"],
      ["deep", "succeeded"],
    ]);
    expect(await world.eventRuns(bob, others)).toEqual([]);
    await bob.must(204, "DELETE", `/event-triggers/${everything.id}`);
  });

  it("starts one run for an event that is posted three times at once and delivered three times", async () => {
    const { ann, stack } = world;
    const target = await world.echo(ann, "once");
    await world.trigger(ann, { types: ["once.happened"], workflowId: target });
    const event = { type: "once.happened", id: "event-1", data: { n: "1" } };
    const answers = await Promise.all([1, 2, 3].map(() => ann.must(202, "POST", "/events", event)));
    const ids = answers.map(({ items }) => items[0].id);
    expect(new Set(ids).size).toBe(1);
    expect(answers.filter(({ items }) => items[0].isRepeat)).toHaveLength(2);
    const detail = { id: ids[0], spaceId: ann.spaceId };
    const bus = stack.resources.find(({ type }) => type === "AWS::Events::EventBus")?.name ?? "";
    await Promise.all(
      [1, 2, 3].map(() => stack.aws.events.put(bus, { source: "weft", "detail-type": event.type, detail })),
    );
    expect(inputs(await world.eventRuns(ann, target))).toEqual([["1", "succeeded"]]);
    const again = await ann.must(202, "POST", "/events", { ...event, source: "another" });
    expect(again.items[0].isRepeat).toBe(false);
    expect(await world.eventRuns(ann, target)).toHaveLength(2);
  });

  it("hears of what happened while nothing was carried to it, once, when the sweeper comes", async () => {
    const { ann, stack } = world;
    const [source, target] = [await world.echo(ann, "lost source"), await world.echo(ann, "lost target")];
    await world.trigger(ann, {
      ...{ types: ["execution.succeeded", "lost.*"], workflowId: target },
      filter: `event.type = "lost.custom" or event.data.workflowId = "${source}"`,
      input: '{ "n": event.type }',
    });
    await world.settle();
    world.deliverEvents(false);
    await ann.run(source, { n: "1" }, { mode: "sync" });
    await post(ann, { type: "lost.custom" });
    expect(await world.eventRuns(ann, target)).toEqual([]);
    world.deliverEvents(true);
    await stack.advance(3 * MINUTE);
    expect(inputs(await world.eventRuns(ann, target)).sort()).toEqual([
      ["execution.succeeded", "succeeded"],
      ["lost.custom", "succeeded"],
    ]);
  });

  it("is told again where whoever tells it dies", async () => {
    const { ann, stack } = world;
    const target = await world.echo(ann, "killed");
    await world.trigger(ann, { types: ["kill.me"], workflowId: target });
    let killed = 0;
    const posted = post(ann, ...Array.from({ length: 20 }, (_, n) => ({ type: "kill.me", data: { n: String(n) } })));
    for (let look = 0; look < 400 && killed < 3; look += 1) {
      killed += stack.killWorker("tell-events");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await posted;
    for (let minutes = 0; minutes < 20; minutes += 5) await stack.advance(5 * MINUTE);
    const runs = await world.eventRuns(ann, target);
    expect(runs.map(({ input }) => Number(input.n)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n),
    );
    expect(killed).toBeGreaterThan(0);
  });

  it("of events of its own runs goes ten deep and no deeper, and says so", async () => {
    const { ann } = world;
    const target = await world.echo(ann, "loop");
    const { id } = await world.trigger(ann, {
      ...{ types: ["execution.succeeded"], workflowId: target },
      filter: `event.data.workflowId = "${target}"`,
      input: '{ "n": "again" }',
    });
    await world.settle();
    await ann.run(target, { n: "first" }, { mode: "async" });
    for (let look = 0; look < 30; look += 1) await world.stack.idle();
    expect(await world.eventRuns(ann, target)).toHaveLength(10);
    const { lastError, isEnabled } = await ann.must(200, "GET", `/event-triggers/${id}`);
    expect([lastError.code, isEnabled]).toEqual(["unprocessable", true]);
    expect(lastError.message).toContain("start each other");
    await ann.must(204, "DELETE", `/event-triggers/${id}`);
  });

  it("says why an event started nothing, and starts the next one", async () => {
    const { ann } = world;
    const target = await world.echo(ann, "trouble");
    const { id } = await world.trigger(ann, { types: ["trouble.*"], workflowId: target, filter: "$error('no') = 1" });
    const trouble = async () => (await ann.must(200, "GET", `/event-triggers/${id}`)).lastError;
    await post(ann, { type: "trouble.made", data: { n: "1" } });
    await world.stack.idle();
    expect(await trouble()).toMatchObject({ code: "expression_failed", eventId: expect.stringMatching(/^evn_/) });
    await ann.must(200, "PATCH", `/event-triggers/${id}`, { filter: null, input: '"no object"' });
    await post(ann, { type: "trouble.made", data: { n: "2" } });
    await world.stack.idle();
    expect((await trouble()).code).toBe("unprocessable");
    await ann.must(200, "PATCH", `/event-triggers/${id}`, { input: null });
    await post(ann, { type: "trouble.made", data: { n: "3" } });
    expect(inputs(await world.eventRuns(ann, target))).toEqual([["3", "succeeded"]]);
    expect(await trouble()).toBeNull();
    await ann.must(204, "DELETE", `/workflows/${target}`);
    await world.settle();
    await post(ann, { type: "trouble.made" });
    await world.stack.idle();
    expect((await trouble()).code).toBe("not_found");
  });

  it("that is off misses what happens, and what it does changes without turning it on", async () => {
    const { ann } = world;
    const target = await world.echo(ann, "paused");
    const { id } = await world.trigger(ann, { types: ["paused.*"], workflowId: target });
    const off = await ann.must(200, "PATCH", `/event-triggers/${id}`, { isEnabled: false });
    expect([off.isEnabled, off.pausedAt]).toEqual([false, expect.any(String)]);
    const changed = await ann.must(200, "PATCH", `/event-triggers/${id}`, { types: ["paused.once"] });
    expect([changed.isEnabled, changed.pausedAt]).toEqual([false, off.pausedAt]);
    await ann.must(201, "POST", `/workflows/${target}/publish`, { force: true });
    await post(ann, { type: "paused.once", data: { n: "missed" } });
    await world.stack.idle();
    await ann.must(200, "PATCH", `/event-triggers/${id}`, { isEnabled: true });
    await post(ann, { type: "paused.once", data: { n: "heard" } }, { type: "paused.twice", data: { n: "other" } });
    const runs = await world.eventRuns(ann, target);
    expect(inputs(runs)).toEqual([["heard", "succeeded"]]);
    expect(runs[0].version).toBe("v1.0.1");
  });
});

describe("the product's own events", () => {
  it("tell of workflows, files, variables, credentials and waiting runs, without what is secret", async () => {
    const { ann, bob } = world;
    const spare = await world.echo(bob, "spare");
    await world.trigger(bob, {
      ...{ types: ["workflow.*", "file.*", "variable.*", "credential.*", "execution.*"], workflowId: spare },
      filter: "false",
    });
    await world.settle();
    const since = (await post(bob, { type: "mark.here" })).items[0].id;
    const workflowId = await world.echo(bob, "told");
    await bob.must(200, "PATCH", `/workflows/${workflowId}`, { expectedRevision: 2, status: "paused" });
    await bob.must(201, "POST", "/variables", { name: "colour", type: "secret", value: "canary-of-a-variable" });
    await bob.must(201, "POST", "/credentials", {
      ...{ name: "key", type: "bearer", data: { token: "canary-of-a-credential" }, allowedHosts: ["api.example.com"] },
    });
    const asks = await bob.publish("asks", {
      nodes: [
        { id: "start", type: "start", data: {} },
        { id: "ask", type: "question", data: { config: { question: "Well?" } } },
        { id: "end", type: "end", data: {} },
      ],
      edges: [
        { source: "start", target: "ask" },
        { source: "ask", target: "end" },
      ],
    });
    const run = await bob.run(asks, {}, { mode: "async" });
    await world.settle();
    await bob.must(202, "POST", `/executions/${run.id}/cancel`);
    await world.settle();
    const { items } = await bob.must(200, "GET", `/events?after=${since}&limit=100`);
    const told = items.map(({ type }: { type: string }) => type);
    expect(new Set(told)).toEqual(
      new Set([
        ...["workflow.published", "workflow.status_changed", "variable.changed", "credential.changed"],
        ...["execution.waiting", "execution.cancelled"],
      ]),
    );
    expect(told.filter((type: string) => type === "execution.waiting")).toHaveLength(1);
    const events = await Promise.all(items.map(({ id }: { id: string }) => bob.must(200, "GET", `/events/${id}`)));
    expect(JSON.stringify(events)).not.toContain("canary");
    const waiting = events.find(({ type }) => type === "execution.waiting");
    expect(waiting.data).toMatchObject({ executionId: run.id, nodeId: "ask", status: "waiting" });
    expect((await ann.call("GET", `/events/${waiting.id}`)).status).toBe(404);
  });
});
