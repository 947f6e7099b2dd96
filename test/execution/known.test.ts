import { TableJournal } from "@weft/core/execution/journal";
import { getExecution } from "@weft/core/execution/store";
import { documentClient } from "@weft/db/table";
import type { CanvasNode } from "@weft/engine/canvas";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, end, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

const LENGTH = 12;
const ids = Array.from({ length: LENGTH }, (_none, at) => `k${at}`);

function chain(more: { nodes: CanvasNode[]; links: string } = { nodes: [], links: "" }) {
  const nodes = ids.map((id, at) => call(world.outside.url, id, [at === 0 ? "start.n" : `${ids[at - 1]}.body`]));
  const links = `${["start", ...ids, "end"].join(">")} ${more.links}`;
  return world.target(canvas([start(text("n")), ...nodes, ...more.nodes, end({ out: `${ids.at(-1)}.body` })], links));
}

/** Reads of node records that the work makes: single ones, and queries. */
async function readsOf(work: () => Promise<unknown>): Promise<{ single: string[]; queries: number }> {
  const reads = { single: [] as string[], queries: 0 };
  const name = "weftKnownReads";
  documentClient().middlewareStack.add(
    (next, context) => async (args) => {
      const { Key, ExpressionAttributeValues } = args.input as {
        Key?: { sk?: string };
        ExpressionAttributeValues?: Record<string, unknown>;
      };
      const about = JSON.stringify(Key ?? ExpressionAttributeValues ?? "");
      if (about.includes("nodeexecution")) {
        if (context.commandName === "GetItemCommand") reads.single.push(String(Key?.sk).split("path_").at(-1) ?? "");
        if (context.commandName === "QueryCommand") reads.queries += 1;
      }
      return next(args);
    },
    { step: "initialize", name },
  );
  try {
    await work();
  } finally {
    documentClient().middlewareStack.remove(name);
  }
  return reads;
}

function laneOf(executionId: string) {
  const lane = world.machine.ready().find(({ input }) => input.executionId === executionId);
  if (!lane) throw new Error(`${executionId} has no lane that is ready`);
  return lane;
}

const finalOutput = { out: ids.reduce((inner, id) => `${id}(${inner})`, "1") };

describe("a lane's steps in one process", () => {
  it("read everything once, and then each the record of its own node alone", async () => {
    const { id } = await world.run(chain(), { input: { n: "1" } });
    const lane = laneOf(id);
    expect(await readsOf(() => world.machine.step(world.deps, lane))).toEqual({ single: [], queries: 1 });
    for (const node of ids.slice(1)) {
      expect(await readsOf(() => world.machine.step(world.deps, lane))).toEqual({ single: [node], queries: 0 });
    }
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: finalOutput });
  });

  it("read what other processes stored meanwhile, one by one while it is little", async () => {
    const { id } = await world.run(chain(), { input: { n: "1" } });
    const lane = laneOf(id);
    await world.machine.step(world.deps, lane);
    await storeElsewhere(id, "k1", "k1(k0(1))");
    await storeElsewhere(id, "k2", "k2(k1(k0(1)))");
    lane.input = { ...lane.input, step: 3 };
    const reads = await readsOf(() => world.machine.step(world.deps, lane));
    expect(reads).toEqual({ single: ["k1", "k2", "k3"], queries: 0 });
    await world.drain();
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: finalOutput });
  });

  it("that come late read all that others left, and call nothing again", async () => {
    const { id } = await world.run(chain(), { input: { n: "1" } });
    const lane = laneOf(id);
    await world.machine.step(world.deps, lane);
    const late = { ...lane, input: { ...lane.input } };
    for (let steps = 0; steps < 4; steps += 1) await world.machine.step(world.deps, lane);
    const mark = world.outside.mark();
    const route = await world.machine.step(world.deps, late);
    expect(route).toMatchObject({ next: "step", step: 5 });
    expect(world.outside.calls.filter(({ at }) => at > mark)).toEqual([]);
    await world.drain();
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: finalOutput });
  });

  it("that are repeated from a place without a call go on behind what others stored", async () => {
    const side = call(world.outside.url, "side", ["start.n"]);
    const target = { ...chain({ nodes: [side], links: "start>side>end" }), settings: { sliceSeconds: 20 } };
    const { id } = await world.run(target, { input: { n: "1" } });
    const lane = laneOf(id);
    const again = { ...lane, input: { ...lane.input } };
    const callsOf = () => world.outside.calls.filter(({ key }) => key.startsWith(`${id}:`));
    await world.machine.step(world.with({ timeLeftMs: () => (callsOf().length > 0 ? 0 : 900_000) }), lane);
    expect(callsOf().map(({ step }) => step)).toEqual(["k0"]);
    await storeElsewhere(id, "k1", "k1(k0(1))");
    await storeElsewhere(id, "k2", "k2(k1(k0(1)))");
    await world.machine.step(world.deps, again);
    await world.drain();
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: finalOutput });
    const called = callsOf().map(({ step }) => step);
    expect(called.toSorted()).toEqual(["k0", ...ids.slice(3), "side"].toSorted());
  });

  it("forget what they know where another process wrote first", async () => {
    const { id } = await world.run(chain(), { input: { n: "1" } });
    const lane = laneOf(id);
    await world.machine.step(world.deps, lane);
    const gate = world.outside.hold("k1");
    const slow = world.machine.step(world.deps, lane);
    await gate.arrived;
    await storeElsewhere(id, "k1", "k1(k0(1))");
    gate.open();
    await slow;
    const reads = await readsOf(() => world.machine.step(world.deps, lane));
    expect(reads.queries).toBe(1);
    await world.drain();
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: finalOutput });
  });
});

describe("whoever asks how far an execution is", () => {
  it("is told what is new without reading again what was over", async () => {
    const { id } = await world.run(chain(), { input: { n: "1" } });
    const lane = laneOf(id);
    await world.machine.step(world.deps, lane);
    const shown: unknown[] = [];
    const look = async () => shown.push((await world.get(id)).progress);
    await look();
    await storeElsewhere(id, "k1", "k1(k0(1))");
    expect(await readsOf(look)).toEqual({ single: ["k1", "k2"], queries: 0 });
    expect(await readsOf(look)).toEqual({ single: ["k2"], queries: 0 });
    expect(shown).toMatchObject([
      { total: LENGTH + 2, completed: 2, current: [{ path: "k1", status: "running" }] },
      { total: LENGTH + 2, completed: 3, current: [{ path: "k2", status: "running" }] },
      { total: LENGTH + 2, completed: 3, current: [{ path: "k2", status: "running" }] },
    ]);
    lane.input = { ...lane.input, step: 2 };
    await world.drain();
    expect((await world.get(id)).progress).toEqual({
      total: LENGTH + 2,
      completed: LENGTH + 2,
      percent: 100,
      current: [],
    });
  });
});

/** The record of a node as a process that shares no memory with this one stores it. */
async function storeElsewhere(executionId: string, nodeId: string, body: string): Promise<void> {
  const row = await getExecution({ spaceId: world.ctx.spaceId as string, executionId });
  const journal = new TableJournal(row, row.epoch, () => world.clock.now());
  await journal.load();
  const model = journal.get("k0");
  if (!model) throw new Error("k0 is not stored");
  const output = { ...(model.output as object), body };
  const record = { ...model, path: nodeId, nodeId, title: nodeId, output };
  expect(await journal.put(record)).toBe(record);
}
