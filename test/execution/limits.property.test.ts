import * as Execution from "@weft/core/execution/execution.service";
import { gateOf } from "@weft/core/execution/lease";
import { RunLeaseEntity, RunWaitingEntity } from "@weft/core/execution/limit.entity";
import { priorityNumber, RunPolicy } from "@weft/core/workflow/run-policy.schema";
import { defineNode } from "@weft/engine/node";
import { newId } from "@weft/kernel/ids";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { call, canvas, end, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";
import { storePoints } from "../support/store-points.ts";

const LONG = 600_000;
const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;

let world: EngineWorld;
let points: ReturnType<typeof storePoints>;
/** Runs between their first and their last node, in the order in which they began, and the most there were at once. */
const under = new Set<string>();
const began: string[] = [];
let most = 0;

const noted = (type: string, note: (executionId: string) => void) =>
  defineNode({
    type,
    title: type,
    description: type,
    category: "flow",
    config: z.any(),
    effectful: true,
    run: ({ idempotencyKey }) => {
      note(idempotencyKey.split(":")[0] as string);
      return { output: {} };
    },
  });
const enter = noted("enter", (id) => {
  if (!began.includes(id)) began.push(id);
  under.add(id);
  most = Math.max(most, under.size);
});
const leave = noted("leave", (id) => void under.delete(id));

beforeAll(async () => {
  world = await startEngineWorld([enter, leave]);
  points = storePoints();
});
afterEach(() => {
  under.clear();
  began.length = 0;
  most = 0;
});
afterAll(async () => {
  points.remove();
  await world.close();
});

function limited(policy: object) {
  const at = (id: string, type: string) => {
    const node = call("http://localhost", id, []);
    return { ...node, data: { ...node.data, label: `type:${type}` } };
  };
  const nodes = [start(text("n")), at("a", "enter"), at("b", "leave"), end({ n: "start.n" })];
  return world.target(canvas(nodes, "start>a>b>end"), RunPolicy.parse(policy));
}

async function left(target: Execution.RunTarget): Promise<number> {
  const gate = gateOf(world.ctx.spaceId as string, target.workflowId);
  const [leases, waiting] = await Promise.all([
    RunLeaseEntity.query.primary(gate).go({ consistent: true }),
    RunWaitingEntity.query.primary(gate).go({ consistent: true }),
  ]);
  return leases.data.length + waiting.data.length;
}

/** What became of runs that may never have been created. */
async function statuses(ids: readonly string[]): Promise<string[]> {
  const found = await Promise.all(ids.map((id) => world.get(id).catch(() => null)));
  return found.filter((view) => view !== null).map(({ status }) => status);
}

/** The machine and the sweeper go on until nothing is left to do. */
async function recover(): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    await world.drain();
    world.clock.advance(round === 0 ? MINUTE + 1_000 : QUARTER);
    await world.sweep();
  }
  await world.drain();
}

describe("many starts at once", () => {
  it("never exceed the limit, and all of them end", { timeout: LONG }, async () => {
    const runs = fc.integer({ min: 2, max: 14 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        runs,
        fc.infiniteStream(fc.nat(99)),
        async (max, count, picks) => {
          under.clear();
          most = 0;
          const target = limited({ concurrency: { max } });
          const ids = Array.from({ length: count }, () => newId("execution"));
          const starting = Promise.all(ids.map((executionId) => world.run(target, { executionId, input: { n: "1" } })));
          // Steps of lanes, some side by side, while others still start.
          let isOver = false;
          starting.finally(() => {
            isOver = true;
          });
          for (;;) {
            const ready = world.machine.ready();
            if (ready.length === 0 && isOver) break;
            const batch = ready.filter(() => Number(picks.next().value) < 60);
            await Promise.all(batch.map((lane) => world.machine.step(world.deps, lane)));
            await new Promise((resolve) => setImmediate(resolve));
          }
          await starting;
          expect(most).toBeLessThanOrEqual(max);
          expect(await statuses(ids)).toEqual(ids.map(() => "succeeded"));
          expect(await left(target)).toBe(0);
        },
      ),
      { numRuns: 6 },
    );
  });

  it("go by priority, then by arrival", { timeout: LONG }, async () => {
    const priority = fc.oneof(fc.constantFrom("low", "normal", "high"), fc.integer({ min: -3, max: 3 }));
    await fc.assert(
      fc.asyncProperty(fc.array(priority, { minLength: 2, maxLength: 9 }), async (priorities) => {
        began.length = 0;
        const target = limited({ concurrency: { max: 1 } });
        const first = (await world.run(target, { input: { n: "1" } })).id;
        const waiting: { id: string; priority: number }[] = [];
        for (const given of priorities) {
          world.clock.advance(1);
          const { id } = await world.run(target, { input: { n: "1" }, priority: given as "low" });
          waiting.push({ id, priority: priorityNumber(given as "low") });
        }
        await world.drain();
        const expected = waiting.toSorted((x, y) => y.priority - x.priority).map(({ id }) => id);
        expect(began).toEqual([first, ...expected]);
      }),
      { numRuns: 6 },
    );
  });
});

describe.each(["before", "after"] as const)("a process that dies %s any request", (when) => {
  /** Dies at each request of `victim` in turn, on a fresh workflow each time, and lets the rest recover. */
  async function everywhere(
    onLimit: "queue" | "cancel_previous",
    scenario: (target: Execution.RunTarget, ids: readonly string[]) => Promise<() => Promise<unknown>>,
    final: readonly string[] = ["succeeded"],
  ): Promise<number> {
    for (let at = 1; ; at += 1) {
      under.clear();
      began.length = 0;
      most = 0;
      const target = limited({ concurrency: { max: 1, onLimit } });
      const ids = [1, 2, 3].map(() => newId("execution", world.clock.now()));
      const victim = await scenario(target, ids);
      const isDead = await points.dies(victim, at, when);
      await recover();
      const found = await statuses(ids);
      expect(
        found.filter((status) => !final.includes(status)),
        `request ${at}`,
      ).toEqual([]);
      expect(most, `request ${at}`).toBeLessThanOrEqual(1);
      expect(await left(target), `request ${at}`).toBe(0);
      const queued = began.filter((id) => id !== ids[0]);
      expect(queued, `request ${at}`).toEqual(ids.slice(1).filter((id) => queued.includes(id)));
      if (!isDead) return at;
    }
  }
  const run = (target: Execution.RunTarget, executionId: string | undefined) =>
    world.run(target, { input: { n: "1" }, ...(executionId ? { executionId } : {}) });

  it("of a start that takes a place leaves nothing", { timeout: LONG }, async () => {
    const requests = await everywhere("queue", async (target, ids) => () => run(target, ids[0]));
    expect(requests).toBeGreaterThan(3);
  });

  it("of a start that joins the line leaves nothing", { timeout: LONG }, async () => {
    await everywhere("queue", async (target, ids) => {
      await run(target, ids[0]);
      return () => run(target, ids[1]);
    });
  });

  it("of the step that ends a run leaves nobody waiting", { timeout: LONG }, async () => {
    const requests = await everywhere("queue", async (target, ids) => {
      for (const id of ids) {
        await run(target, id);
        world.clock.advance(1);
      }
      await world.machine.step(world.deps, world.machine.ready()[0]!);
      return async () => {
        const [lane] = world.machine.ready();
        if (lane) await world.machine.step(world.deps, lane);
      };
    });
    expect(requests).toBeGreaterThan(8);
  });

  it("of a cancel leaves nobody waiting", { timeout: LONG }, async () => {
    await everywhere(
      "queue",
      async (target, ids) => {
        for (const id of ids) await run(target, id);
        return () => Execution.cancel(world.ctx, world.deps, ids[0] as string);
      },
      ["succeeded", "cancelled"],
    );
  });

  it("of a start that cancels another leaves nothing", { timeout: LONG }, async () => {
    await everywhere(
      "cancel_previous",
      async (target, ids) => {
        await run(target, ids[0]);
        return () => run(target, ids[1]);
      },
      ["succeeded", "cancelled"],
    );
  });

  it("of a retry leaves nothing", { timeout: LONG }, async () => {
    await everywhere(
      "queue",
      async (target, ids) => {
        await run(target, ids[0]);
        await Execution.cancel(world.ctx, world.deps, ids[0] as string);
        return () => Execution.retry(world.ctx, world.deps, ids[0] as string);
      },
      ["succeeded", "cancelled"],
    );
  });

  it("of the sweeper that ends a wait leaves nothing", { timeout: LONG }, async () => {
    await everywhere(
      "queue",
      async (target, ids) => {
        await run(target, ids[0]);
        await run(target, ids[1]);
        world.clock.advance(2 * 86_400_000);
        return () => world.sweep();
      },
      ["timed_out"],
    );
  });
});

describe("a run that ends while another joins the line", () => {
  it("does not leave it waiting, at whatever moment", { timeout: LONG }, async () => {
    for (const when of ["before", "after"] as const) {
      for (let at = 1, requests = at; at <= requests; at += 1) {
        const target = limited({ concurrency: { max: 1 } });
        await world.run(target, { input: { n: "1" } });
        let second = "";
        requests = await points.during(
          async () => {
            second = (await world.run(target, { input: { n: "2" } })).id;
          },
          { at, when, happen: () => world.drain() },
        );
        await world.drain();
        expect((await world.get(second)).status, `${when} request ${at}`).toBe("succeeded");
        expect(await left(target)).toBe(0);
      }
    }
  });
});
