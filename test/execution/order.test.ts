import * as Execution from "@weft/core/execution/execution.service";
import { runLane } from "@weft/core/execution/lane";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, end, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

/** a→b, a→c, b→d, c→d, c→e, under names of the test's own so that it can hold them. */
function graph(tag: string) {
  const { url } = world.outside;
  const ask = (id: string, refs: string[]) => call(url, id, refs, { step: `${tag}-${id}` });
  return world.target(
    canvas(
      [
        start(text("n")),
        ask("a", ["start.n"]),
        ask("b", ["a.body"]),
        ask("c", ["a.body"]),
        ask("d", ["b.body", "c.body"]),
        ask("e", ["c.body"]),
        end({ d: "d.body", e: "e.body" }),
      ],
      "start>a>b>d>end a>c>d c>e>end",
    ),
  );
}

/** Does all lanes' steps side by side, as Step Functions does, until every lane ended. */
async function drainSideBySide(): Promise<void> {
  const under = new Map<string, Promise<unknown>>();
  for (;;) {
    for (const lane of world.machine.ready()) {
      if (under.has(lane.name)) continue;
      under.set(
        lane.name,
        world.machine.step(world.deps, lane).finally(() => under.delete(lane.name)),
      );
    }
    if (under.size === 0) return;
    await Promise.race(under.values());
  }
}

describe("a branch that does not depend on a slow one", () => {
  it.each(["sync", "stream", "async"] as const)("goes on before the slow one ends, in %s mode", async (mode) => {
    const tag = `slow-${mode}`;
    const slow = world.outside.hold(`${tag}-b`);
    const running = world.run(graph(tag), { mode, input: { n: "1" } }).then(async (view) => {
      await drainSideBySide();
      return world.get(view.id);
    });
    await expect.poll(() => world.outside.of(`${tag}-e`).length, { timeout: 15_000 }).toBe(1);
    slow.open();
    const view = await running;
    expect(view.status).toBe("succeeded");
    const [b] = world.outside.of(`${tag}-b`);
    const [e] = world.outside.of(`${tag}-e`);
    const [d] = world.outside.of(`${tag}-d`);
    expect(e?.at).toBeLessThan(b?.answeredAt ?? 0);
    expect(d?.at).toBeGreaterThan(b?.answeredAt ?? 0);
    expect(view.output).toEqual({
      d: `${tag}-d(${tag}-b(${tag}-a(1)),${tag}-c(${tag}-a(1)))`,
      e: `${tag}-e(${tag}-c(${tag}-a(1)))`,
    });
  });
});

describe("cancel", () => {
  it.each(["sync", "stream", "async"] as const)("lets no node start after its answer, in %s mode", async (mode) => {
    const tag = `cancel-${mode}`;
    const held = world.outside.hold(`${tag}-b`);
    const executionId = `exe_01cancel${mode.padEnd(20, "0").replaceAll(/[^a-z0-9]/g, "0")}`.slice(0, 30);
    const running = world.run(graph(tag), { mode, input: { n: "1" }, executionId }).then(() => drainSideBySide());
    await held.arrived;
    await Execution.cancel(world.ctx, world.deps, executionId);
    const acknowledged = world.outside.mark();
    held.open();
    await running;
    await drainSideBySide();
    const late = world.outside.calls.filter((made) => made.step.startsWith(tag) && made.at > acknowledged);
    expect(late).toEqual([]);
    expect(await world.get(executionId)).toMatchObject({ status: "cancelled" });
    await expect(Execution.cancel(world.ctx, world.deps, executionId)).rejects.toMatchObject({ code: "conflict" });
  });

  it("refuses an execution that is over, and leaves it as it is", async () => {
    const view = await world.runAsync(graph("over"), { n: "1" });
    expect(view.status).toBe("succeeded");
    await expect(Execution.cancel(world.ctx, world.deps, view.id)).rejects.toMatchObject({ code: "conflict" });
    expect((await world.get(view.id)).status).toBe("succeeded");
  });

  it("stops a wide run at a random step of its lanes", async () => {
    for (let steps = 1; steps <= 5; steps += 1) {
      const tag = `cut${steps}`;
      const { id } = await world.run(graph(tag), { input: { n: "1" } });
      for (let done = 0; done < steps; done += 1) {
        const [lane] = world.machine.ready();
        if (lane) await world.machine.step(world.deps, lane);
      }
      const { status } = await world.get(id);
      if (status === "succeeded") break;
      await Execution.cancel(world.ctx, world.deps, id);
      const acknowledged = world.outside.mark();
      for (const lane of world.machine.lanes.values()) {
        if (lane.input.executionId === id) await runLane(world.deps, lane.input);
      }
      expect(world.outside.calls.filter((made) => made.step.startsWith(tag) && made.at > acknowledged)).toEqual([]);
    }
  });
});

describe("a worker of an earlier epoch", () => {
  it("starts nothing and changes nothing once the execution was taken over", async () => {
    const tag = "fence";
    const held = world.outside.hold(`${tag}-a`);
    const { id } = await world.run(graph(tag), { input: { n: "1" } });
    const [lane] = world.machine.ready();
    const old = world.machine.step(world.deps, lane!);
    await held.arrived;
    // Its lane is said to be gone: the sweeper takes the execution over and the rest goes on without it.
    world.machine.lanes.get(lane!.name)!.state = "stopped";
    world.clock.advance(16 * 60_000);
    await world.sweep();
    held.open();
    await old;
    await world.drain();
    const view = await world.get(id);
    expect(view.status).toBe("succeeded");
    expect(world.outside.of(`${tag}-b`)).toHaveLength(1);
    expect(world.outside.of(`${tag}-e`)).toHaveLength(1);
    expect(new Set(world.outside.of(`${tag}-a`).map(({ key }) => key))).toEqual(new Set([`${id}:a`]));
  });

  it("does not close what was retried meanwhile, in sync mode", async () => {
    const { url } = world.outside;
    const nodes = [start(text("n")), call(url, "slow-sync", ["start.n"]), end({ out: "slow-sync.body" })];
    const target = world.target(canvas(nodes, "start>slow-sync>end"));
    const executionId = "exe_01fencesync000000000000000";
    const held = world.outside.hold("slow-sync");
    const old = world.run(target, { mode: "sync", input: { n: "1" }, executionId });
    await held.arrived;
    // Its process is slow beyond all bounds: it is taken for dead, and somebody runs it again.
    world.clock.advance(301_000);
    await world.sweep();
    expect(await world.get(executionId)).toMatchObject({ status: "failed", error: { code: "interrupted" } });
    await Execution.retry(world.ctx, world.deps, executionId);
    held.open();
    await old;
    expect((await world.get(executionId)).status).toBe("running");
    await drainSideBySide();
    expect(await world.get(executionId)).toMatchObject({ status: "succeeded", mode: "async" });
  });
});
