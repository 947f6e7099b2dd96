import { defineNode } from "@weft/engine/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { call, canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

/** Everything that JavaScript lets somebody throw. */
const THROWN: Record<string, () => unknown> = {
  nothing: () => undefined,
  null: () => null,
  "a string": () => "plain text",
  "a symbol": () => Symbol("s"),
  "a big integer": () => 10n,
  "a frozen object": () => Object.freeze({ code: 7 }),
  "an object in a circle": () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    return circle;
  },
  "an error whose message throws": () =>
    Object.defineProperty(new Error("hidden"), "message", {
      get: () => {
        throw new Error("no message");
      },
    }),
  "a proxy that refuses everything": () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
        getPrototypeOf: () => {
          throw new Error("no");
        },
      },
    ),
  "an object without a prototype": () => Object.create(null),
  "a function": () => () => undefined,
};

let thrown: () => unknown = () => undefined;

const thrower = defineNode({
  type: "thrower",
  title: "Thrower",
  description: "Throws what the test says.",
  category: "logic",
  config: z.unknown(),
  effectful: true,
  run: () => {
    throw thrown();
  },
});

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld([thrower]);
  world.outside.answer("broken", () => ({ status: 400, text: "broken" }));
});
afterAll(() => world.close());

const MODES = ["sync", "stream", "async"] as const;

async function runIn(mode: (typeof MODES)[number], target: ReturnType<EngineWorld["target"]>, n = "1") {
  const { id } = await world.run(target, { mode, input: { n } });
  await world.drain();
  return world.get(id);
}

const simple = () => {
  const { url } = world.outside;
  const nodes = [start(text("n")), call(url, "a", ["start.n"]), call(url, "b", ["a.body"]), end({ out: "b.body" })];
  return world.target(canvas(nodes, "start>a>b>end"));
};

const failing = (onError?: object) => {
  const { url } = world.outside;
  const nodes = [
    start(text("n")),
    call(url, "broken", ["start.n"], onError ? { onError } : {}),
    call(url, "after", ["broken.body"]),
    call(url, "instead", ["broken.errorBody.errorCode"]),
    end({ out: "after.body", other: "instead.body" }),
  ];
  const isBranch = (onError as { strategy?: string } | undefined)?.strategy === "branch";
  const links = isBranch ? "start>broken>after>end broken:branch_error>instead>end" : "start>broken>after>end";
  const kept = isBranch ? nodes : nodes.filter(({ id }) => id !== "instead").with(3, end({ out: "after.body" }));
  return world.target(canvas(kept, links));
};

describe.each(MODES)("a run in %s mode", (mode) => {
  it("succeeds, with the input and output of each node as it was", async () => {
    const view = await runIn(mode, simple(), "7");
    expect(view).toMatchObject({ status: "succeeded", mode, output: { out: "b(a(7))" }, progress: { percent: 100 } });
    const nodes = await world.trace(view.id);
    expect(nodes.map(({ path, status, input, output }) => [path, status, input, output])).toEqual([
      ["start", "succeeded", {}, { n: "7" }],
      ["a", "succeeded", { v0: "7" }, expect.objectContaining({ body: "a(7)", statusCode: 200 })],
      ["b", "succeeded", { v0: "a(7)" }, expect.objectContaining({ body: "b(a(7))" })],
      ["end", "succeeded", { out: "b(a(7))" }, { out: "b(a(7))" }],
    ]);
  });

  it("fails with the node that failed, and nothing after it starts", async () => {
    const before = world.outside.of("after").length;
    const view = await runIn(mode, failing());
    expect(view).toMatchObject({ status: "failed", error: { code: "http_error", nodeId: "broken", path: "broken" } });
    expect(world.outside.of("after").length).toBe(before);
    const nodes = new Map((await world.trace(view.id)).map((item) => [item.path, item]));
    expect(nodes.get("broken")).toMatchObject({ status: "failed", error: { code: "http_error" }, input: { v0: "1" } });
    expect(nodes.get("after")?.status).toBe("skipped");
  });

  it("goes on with the default where the policy says so", async () => {
    const view = await runIn(mode, failing({ strategy: "default", fallback: { body: "spare" } }));
    expect(view).toMatchObject({ status: "succeeded", output: { out: "after(spare)" } });
  });

  it("goes on by the error branch where the policy says so", async () => {
    const view = await runIn(mode, failing({ strategy: "branch" }));
    expect(view).toMatchObject({ status: "succeeded", output: { out: "", other: "instead(http_error)" } });
  });

  it("tries again as often as the policy says, each time with the same key", async () => {
    let tries = 0;
    world.outside.answer("flaky", ({ body }) =>
      ++tries % 3 === 0 ? { status: 200, text: `flaky(${body})` } : { status: 503, text: "later" },
    );
    const nodes = [
      start(text("n")),
      call(world.outside.url, "flaky", ["start.n"], { onError: { retries: 2, delayMs: 1 } }),
      end({ out: "flaky.body" }),
    ];
    const view = await runIn(mode, world.target(canvas(nodes, "start>flaky>end")));
    expect(view).toMatchObject({ status: "succeeded", output: { out: "flaky(1)" } });
    const mine = world.outside.of("flaky").filter(({ key }) => key === `${view.id}:flaky`);
    expect(mine).toHaveLength(3);
    expect((await world.trace(view.id)).find(({ path }) => path === "flaky")).toMatchObject({ attempts: 3 });
  });

  it.each(Object.keys(THROWN))("fails the node alone that throws %s", async (name) => {
    thrown = THROWN[name] as () => unknown;
    const stand = (outputs: Record<string, string>, onError?: object) => {
      const odd = call(world.outside.url, "odd", [], onError ? { onError } : {});
      odd.data.label = "type:thrower";
      return world.target(canvas([start(text("n")), odd, end(outputs)], "start>odd>end"));
    };
    const absorbed = await runIn(mode, stand({ ok: "odd.isSuccess" }, { strategy: "default" }));
    expect(absorbed).toMatchObject({ status: "succeeded", output: { ok: false } });
    const failed = await runIn(mode, stand({ n: "start.n" }));
    expect(failed).toMatchObject({ status: "failed", error: { code: "node_failed", nodeId: "odd" } });
    expect(failed.error?.message).toEqual(expect.any(String));
  });

  it("takes app variables in and gives them back", async () => {
    const nodes = [
      start(text("n")),
      node("set", "variable_assign", { assignments: [{ variable: "app.seen", input: "to" }] }, [ref("to", "start.n")]),
      end({ n: "start.n" }),
    ];
    const view = await runIn(mode, world.target(canvas(nodes, "start>set>end")), "9");
    expect(view).toMatchObject({ status: "succeeded", variables: { seen: "9" } });
  });
});

describe("a run that is asked for wrongly", () => {
  it("names the field and writes nothing", async () => {
    const target = world.target(
      canvas([start({ name: "n", type: "integer", required: true }), end({ n: "start.n" })], "start>end"),
    );
    const missing = world.run(target, { input: {} });
    await expect(missing).rejects.toMatchObject({ code: "invalid_input", details: expect.anything() });
    expect([...world.machine.lanes.values()].some((lane) => lane.state === "ready")).toBe(false);
  });
});
