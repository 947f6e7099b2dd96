import { settleEdges } from "@weft/core/execution/edges";
import { TableJournal } from "@weft/core/execution/journal";
import { getExecution } from "@weft/core/execution/store";
import type { NodeRecord } from "@weft/engine/record";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, end, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

/** An execution of start → a, b → d, and the edges that join at d. */
async function join() {
  const { url } = world.outside;
  const nodes = [
    start(text("n")),
    call(url, "a", ["start.n"]),
    call(url, "b", ["start.n"]),
    call(url, "d", ["a.body", "b.body"]),
    end({ out: "d.body" }),
  ];
  const target = world.target(canvas(nodes, "start>a>d>end start>b>d"));
  const { id } = await world.run(target, { input: { n: "1" } });
  const row = await getExecution({ spaceId: world.ctx.spaceId as string, executionId: id });
  const segment = target.plan.segments.find((item) => item.id === "d");
  const edges = (segment?.in ?? []).map((edgeId) => ({ edgeId, to: "d", live: true }));
  expect(edges).toHaveLength(2);
  const settle = (at: number) => settleEdges(row, target.plan, [edges[at]!]);
  return { row, settle };
}

describe("a join", () => {
  it("belongs to whoever settles its last edge, however often each of them says so", async () => {
    const { settle } = await join();
    expect(await settle(0)).toEqual([]);
    expect(await settle(0)).toEqual([]);
    expect(await settle(1)).toEqual(["d"]);
    expect(await settle(0)).toEqual([]);
    expect(await settle(1)).toEqual(["d"]);
    expect(await settle(0)).toEqual([]);
  });

  it("belongs to one of those who settle it at once", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { settle } = await join();
      const owners = await Promise.all([settle(0), settle(1)]);
      expect(owners.flat()).toEqual(["d"]);
    }
  });
});

describe("a checkpoint", () => {
  const record = (body: string): NodeRecord => ({
    path: "a",
    nodeId: "a",
    type: "http_request",
    title: "a",
    status: "succeeded",
    input: {},
    output: { body },
    startedAt: 1,
    endedAt: 2,
    attempts: 1,
  });

  it("is the first worker's: the second takes over what the first one stored", async () => {
    const { row } = await join();
    const journals = [1, 2].map(() => new TableJournal(row, row.epoch, () => world.clock.now()));
    for (const journal of journals) await journal.load();
    expect((await journals[0]!.put(record("first"))).output).toEqual({ body: "first" });
    const adopted = await journals[1]!.put(record("second"));
    expect(adopted.load ? await adopted.load() : adopted.output).toEqual({ body: "first" });
    const later = new TableJournal(row, row.epoch, () => world.clock.now());
    await later.load();
    expect(later.get("a")?.output).toEqual({ body: "first" });
  });
});
