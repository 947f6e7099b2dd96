import type { Plan } from "@weft/engine/plan";
import { RunStopped } from "@weft/engine/run/io";
import { replayPlan, runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { evaluate } from "../support/evaluate-plan.ts";
import { DRAWN_ELSEWHERE, PURE_NODES, pureTypes } from "../support/pure-nodes.ts";
import { randomOf, randomPlan, randomTypes } from "../support/random-plan.ts";
import { testRun } from "./support.ts";

/** `npm run prove` sets both; the sample of `npm test` is fixed so that it fails for everybody or nobody. */
const SEEDS = Number(process.env.WEFT_SEEDS ?? 250);
const FIRST_SEED = Number(process.env.WEFT_FIRST_SEED ?? 1);
const LONG = 3_600_000;

function planOf(seed: number): Plan {
  const random = randomOf(seed);
  return randomPlan(random, { nodes: 2 + Math.floor(random() * 39), composites: 0.2 });
}

/** Runs a plan whose effects end in any order, and which is stopped before some of them and begun again. */
async function run(plan: Plan, seed: number, stops: number) {
  const random = randomOf(seed);
  const effects: string[] = [];
  const types = randomTypes(async ({ path }) => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) await Promise.resolve();
    effects.push(path);
  });
  const test = testRun({
    types,
    beforeEffect: () => {
      if (random() < stops) throw new RunStopped("stopped");
    },
  });
  for (;;) {
    try {
      const outcome = await runPlan(plan, { value: seed }, test.io);
      const { scope } = await replayPlan(plan, { value: seed }, test.io);
      return { outcome, effects, replayed: scope.settled.get("end")?.output ?? {} };
    } catch (thrown) {
      if (!(thrown instanceof RunStopped)) throw thrown;
    }
  }
}

const effectsOf = (plan: Plan, ran: ReadonlySet<string>): string[] => {
  const nodes = plan.root.nodes.flatMap((node) => [node, ...(node.body?.nodes ?? [])]);
  const effectful = new Set(nodes.filter(({ type }) => type === "effect").map(({ id }) => id));
  return [...ran].filter((path) => effectful.has(path.split("/").at(-1) as string)).sort();
};

describe("any plan", () => {
  it.each([0, 0.2])(
    "gives what its nodes give one after the other, each effect once (stopped with chance %s)",
    {
      timeout: LONG,
    },
    async (stops) => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
        const plan = planOf(seed);
        const expected = await evaluate(plan, seed);
        const { outcome, effects, replayed } = await run(plan, seed, stops);
        expect(outcome, `seed ${seed}`).toMatchObject({ status: "done" });
        expect((outcome as { output: unknown }).output, `seed ${seed}`).toEqual(expected.output);
        expect(replayed, `seed ${seed}: replayed`).toEqual(expected.output);
        // A stop may come between an effect and its record, never before a second one of the same place.
        const once = stops === 0 ? effects : [...new Set(effects)];
        expect(once.sort(), `seed ${seed}`).toEqual(effectsOf(plan, expected.ran));
      }
    },
  );

  it("is drawn from every pure node type", () => {
    expect([...Object.keys(PURE_NODES), ...DRAWN_ELSEWHERE].sort()).toEqual(pureTypes().sort());
    const drawn = new Set<string>();
    for (let seed = 1; seed <= 250; seed += 1) {
      for (const { type, body } of planOf(seed).root.nodes) {
        drawn.add(type);
        for (const inner of body?.nodes ?? []) drawn.add(inner.type);
      }
    }
    expect(pureTypes().filter((type) => !drawn.has(type))).toEqual([]);
  });
});
