import { NodeExecutionEntity } from "@weft/core/execution/execution.entity";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
  for (const [step, size] of Object.entries(SIZES)) {
    world.outside.answer(step, () => ({ status: 200, text: step.at(-1)?.repeat(size) ?? "" }));
  }
});
afterAll(() => world.close());

/** Beyond 100 KB, where values go to the bucket, up to 1 MB. */
const SIZES: Record<string, number> = { "large-x": 150_000, "large-y": 400_000, "large-z": 1_000_000 };

describe("outputs beyond what a row holds", () => {
  it.each(["sync", "async"] as const)("pass from node to node whole, in %s mode", async (mode) => {
    const { url } = world.outside;
    const nodes = [
      start(text("n")),
      ...Object.keys(SIZES).map((step) => call(url, step, ["start.n"])),
      node("glue", "text", { method: "concat", template: "{{x}}{{y}}{{z}}" }, [
        ref("x", "large-x.body"),
        ref("y", "large-y.body"),
        ref("z", "large-z.body"),
      ]),
      call(url, `weigh-${mode}`, ["glue.output"]),
      end({ all: "glue.output" }),
    ];
    const links = Object.keys(SIZES).map((step) => `start>${step}>glue`);
    const target = world.target(canvas(nodes, `${links.join(" ")} glue>weigh-${mode}>end`));
    const { id } = await world.run(target, { mode, input: { n: "1" } });
    await world.drain();
    const view = await world.get(id);
    const whole = "x".repeat(150_000) + "y".repeat(400_000) + "z".repeat(1_000_000);
    expect(view.status).toBe("succeeded");
    expect((view.output as { all: string }).all === whole).toBe(true);
    expect(world.outside.of(`weigh-${mode}`).map(({ body }) => body === whole)).toEqual([true]);
    const traced = new Map((await world.trace(id)).map((item) => [item.path, item.output as { body?: string }]));
    expect(traced.get("large-z")?.body).toHaveLength(1_000_000);
    expect(traced.get("large-x")?.body).toHaveLength(150_000);
  });

  it("are pointers in the rows", async () => {
    const nodes = [start(text("n")), call(world.outside.url, "large-z", ["start.n"]), end({ out: "large-z.body" })];
    const view = await world.runAsync(world.target(canvas(nodes, "start>large-z>end")), { n: "1" });
    const key = { spaceId: world.ctx.spaceId as string, executionId: view.id, depth: "0" as const, path: "large-z" };
    const { data } = await NodeExecutionEntity.get(key).go();
    expect(JSON.stringify(data).length).toBeLessThan(10_000);
    expect(data?.body).not.toHaveProperty("json");
    expect((view.output as { out: string }).out).toHaveLength(1_000_000);
  });
});
