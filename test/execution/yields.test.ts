import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";
import { faultyStore } from "../support/lanes.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

const ITEMS = Array.from({ length: 12 }, (_v, index) => `i${index}`);

function composite(type: "loop" | "batch", id: string, config: object = {}) {
  const step = call(world.outside.url, id, ["all.item"]);
  const body = { nodes: [step], edges: edges(`all>${id}>all`) };
  const collect = [{ name: "out", ref: `${id}.body` }];
  return world.target(
    canvas(
      [
        start(text("n")),
        node("list", "text", { method: "split", delimiters: ["|"] }, [{ name: "t", value: ITEMS.join("|") }]),
        node("all", type, { items: ["item"], collect, ...config }, [ref("item", "list.output")], { body }),
        end({ out: "all.out" }),
      ],
      "start>list>all>end",
    ),
  );
}

/** A process whose time is up after so many calls of a step; each step of a lane is a new process. */
function shortLived(step: string, calls: number) {
  let seen = world.outside.of(step).length;
  return {
    deps: world.with({ timeLeftMs: () => (world.outside.of(step).length - seen >= calls ? 1 : 900_000) }),
    next: () => {
      seen = world.outside.of(step).length;
    },
  };
}

describe.each(["loop", "batch"] as const)("a %s that outlives its process", (type) => {
  it("yields and goes on where it was: every effect once, results in order", async () => {
    const id = `${type}-short`;
    const { id: executionId } = await world.run(composite(type, id, type === "batch" ? { concurrency: 2 } : {}), {
      input: { n: "1" },
    });
    const { deps, next } = shortLived(id, 3);
    let processes = 0;
    for (let lane = world.machine.ready()[0]; lane; lane = world.machine.ready()[0]) {
      next();
      processes += 1;
      await world.machine.step(deps, lane);
      if (processes > 50) throw new Error("it never ends");
    }
    expect(processes).toBeGreaterThanOrEqual(3);
    expect(await world.get(executionId)).toMatchObject({
      status: "succeeded",
      output: { out: ITEMS.map((item) => `${id}(${item})`) },
    });
    const keys = world.outside.of(id).map(({ key }) => key);
    expect(keys.toSorted()).toEqual(ITEMS.map((_item, index) => `${executionId}:all.${index}/${id}`).toSorted());
  });

  it("goes on from what is stored when its process dies: no stored turn runs again", async () => {
    const id = `${type}-dies`;
    const { id: executionId } = await world.run(composite(type, id, type === "batch" ? { concurrency: 2 } : {}), {
      input: { n: "1" },
    });
    const [lane] = world.machine.ready();
    // Its fifth call is never answered to it: the process is gone by then.
    const held = new Promise<never>(() => undefined);
    const dying = world.with({
      nodeDeps: (row) => {
        const real = world.deps.nodeDeps(row);
        return {
          ...real,
          http: {
            request: (request) => (world.outside.of(id).length >= 4 ? held : (real.http?.request(request) ?? held)),
          },
        };
      },
    });
    void world.machine.step(dying, lane!);
    await expect
      .poll(async () => (await world.trace(executionId)).filter((item) => item.nodeId === id).length)
      .toBeGreaterThanOrEqual(4);
    const stored = new Set(
      (await world.trace(executionId)).filter((item) => item.status === "succeeded").map(({ path }) => path),
    );
    const mark = world.outside.mark();
    await world.machine.step(world.deps, lane!);
    await world.drain();
    expect(await world.get(executionId)).toMatchObject({
      status: "succeeded",
      output: { out: ITEMS.map((item) => `${id}(${item})`) },
    });
    const later = world.outside
      .of(id)
      .filter((made) => made.at > mark)
      .map(({ key }) => key.split(":")[1] as string);
    expect(later.filter((path) => stored.has(path))).toEqual([]);
    expect(world.outside.of(id)).toHaveLength(ITEMS.length);
  });
});

describe("a loop without effects", () => {
  it.each(["before", "after"])("that outlives its process is not taken for skipped, %s an effect", async (place) => {
    const body = {
      nodes: [node("say", "text", { method: "concat", template: "<{{item}}>" }, [ref("item", "all.item")])],
      edges: edges("all>say>all"),
    };
    const collect = [{ name: "out", ref: "say.output" }];
    const nodes = [
      start(text("n")),
      node("list", "text", { method: "split", delimiters: ["|"] }, [{ name: "t", value: ITEMS.join("|") }]),
      node("all", "loop", { items: ["item"], collect }, [ref("item", "list.output")], { body }),
      call(world.outside.url, `cheap-${place}`, ["start.n"]),
      end({ out: "all.out" }),
    ];
    const links = place === "before" ? `start>list>all>cheap-${place}>end` : `start>cheap-${place}>list>all>end`;
    const { id } = await world.run(world.target(canvas(nodes, links)), { input: { n: "1" } });
    let asked = 0;
    const hasty = world.with({ timeLeftMs: () => (++asked % 4 === 0 ? 0 : 900_000) });
    for (let lane = world.machine.ready()[0]; lane; lane = world.machine.ready()[0])
      await world.machine.step(hasty, lane);
    const out = ITEMS.map((item) => `<${item}>`);
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: { out } });
    expect(world.outside.of(`cheap-${place}`)).toHaveLength(1);
  });
});

describe("a store that fails while a loop runs", () => {
  it("fails the task and not the node, whatever the node's policy", async () => {
    let isDown = false;
    const faults = faultyStore(() => (isDown ? 0 : 1));
    faults.rate = 1;
    world.outside.answer("shaky", ({ body }) => {
      isDown = body === "i3";
      return { status: 200, text: `shaky(${body})` };
    });
    try {
      const { id } = await world.run(composite("loop", "shaky"), { input: { n: "1" } });
      const [lane] = world.machine.ready();
      await expect(world.machine.step(world.deps, lane!)).rejects.toThrow("could not be kept");
      isDown = false;
      expect((await world.get(id)).status).toBe("running");
      world.outside.answer("shaky", ({ body }) => ({ status: 200, text: `shaky(${body})` }));
      await world.drain();
      expect(await world.get(id)).toMatchObject({
        status: "succeeded",
        output: { out: ITEMS.map((item) => `shaky(${item})`) },
      });
      expect(world.outside.of("shaky").filter(({ body }) => body === "i3")).toHaveLength(2);
      expect(world.outside.of("shaky")).toHaveLength(ITEMS.length + 1);
    } finally {
      faults.remove();
    }
  });
});

describe("a long lane", () => {
  it("goes on in slices with a checkpoint after each node", async () => {
    const ids = ["s1", "s2", "s3", "s4"];
    const nodes = ids.map((id, index) =>
      call(world.outside.url, id, [index === 0 ? "start.n" : `${ids[index - 1]}.body`]),
    );
    const links = ["start", ...ids, "end"].join(">");
    const made = () => canvas([start(text("n")), ...nodes, end({ out: "s4.body" })], links);
    const sliced = await world.run(world.target(made(), { sliceSeconds: 20 }), { input: { n: "1" } });
    const [lane] = world.machine.ready();
    const route = await world.machine.step(world.deps, lane!);
    expect(route.next).toBe("done");
    expect(await world.get(sliced.id)).toMatchObject({ status: "succeeded", output: { out: "s4(s3(s2(s1(1))))" } });
    const stepwise = await world.run(world.target(made()), { input: { n: "1" } });
    let steps = 0;
    for (let ready = world.machine.ready()[0]; ready; ready = world.machine.ready()[0]) {
      await world.machine.step(world.deps, ready);
      steps += 1;
    }
    expect(steps).toBe(ids.length);
    expect((await world.get(stepwise.id)).output).toEqual({ out: "s4(s3(s2(s1(1))))" });
  });
});
