import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventWorld, startEventWorld } from "../support/event-world.ts";

let world: EventWorld;
beforeAll(async () => {
  world = await startEventWorld();
}, 180_000);
afterAll(() => world.close());

const inputs = (runs: { input: { n?: string }; status: string }[]) => runs.map(({ input, status }) => [input.n, status]);

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
    expect(items.map((item: { status: string }) => item.status)).toEqual(items.map(() => "dispatched"));
    const shown = await ann.must(200, "GET", `/event-triggers/${id}`);
    expect(shown).toMatchObject({ lastError: null, lastExecutionId: expect.stringMatching(/^exe_/) });
  });
});
