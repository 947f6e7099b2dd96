import type { Plan } from "@weft/engine/plan";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chaosRun, type FaultRates, faultyStore } from "../support/lanes.ts";
import { evaluate, randomOf, randomPlan } from "../support/random-plan.ts";
import { startTable } from "../support/table.ts";

/** `npm run prove` sets both; the sample of `npm test` is fixed so that it fails for everybody or nobody. */
const SEEDS = Number(process.env.WEFT_SEEDS ?? 12);
const FIRST_SEED = Number(process.env.WEFT_FIRST_SEED ?? 1);
const LONG = 3_600_000;

let server: DynamoServer;
let faults: ReturnType<typeof faultyStore>;
/** The stream of numbers of the seed that is under way: faults of the store are drawn from it too. */
let draw = Math.random;

beforeAll(async () => {
  server = await startTable();
  faults = faultyStore(() => draw());
});

afterAll(async () => {
  faults.remove();
  await server.close();
});

const CALM: FaultRates = { crash: 0, twice: 0 };
/** Loops and batches in graphs that are not one wide fork. */
const COMPOSITES = 0.08;

async function holds(seed: number, branches: number | undefined, rates: FaultRates): Promise<void> {
  const random = randomOf(seed);
  draw = random;
  const nodes = branches === undefined ? 2 + Math.floor(random() * 59) : branches + 2 + Math.floor(random() * 10);
  const plan = randomPlan(random, { nodes, ...(branches === undefined ? { composites: COMPOSITES } : { branches }) });
  const expected = evaluate(plan, seed);
  const result = await chaosRun(plan, seed, random, faults, rates);
  expect(result.row, `seed ${seed}`).toMatchObject({ status: "succeeded" });
  expect(result.output, `seed ${seed}`).toEqual(expected.output);
  const effects = [...expected.ran].filter((path) => effectful(plan).has(path.split("/").at(-1) as string));
  expect([...result.effects.keys()].sort(), `seed ${seed}`).toEqual(effects.sort());
  expect(result.again, `seed ${seed}: done again after its checkpoint`).toEqual([]);
  if (rates === CALM) expect(new Set(result.effects.values())).toEqual(new Set(effects.length > 0 ? [1] : []));
}

/** Ids of the nodes that call the outside, at every depth. */
function effectful(plan: Plan): Set<string> {
  const all = plan.root.nodes.flatMap((node) => [node, ...(node.body?.nodes ?? [])]);
  return new Set(all.filter(({ type }) => type === "effect").map(({ id }) => id));
}

describe("lanes", () => {
  it("give the sequential outcome, each effect once, when nothing goes wrong", { timeout: LONG }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) await holds(seed, undefined, CALM);
  });

  it("give the same outcome when tasks are repeated, reordered, and workers die anywhere", {
    timeout: LONG,
  }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      await holds(seed, undefined, { crash: 0.04, twice: 0.2, yields: 0.02 });
    }
  });

  it("give the same outcome when lanes are lost and taken over, late workers among them", {
    timeout: LONG,
  }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      await holds(seed, undefined, { crash: 0.02, twice: 0.1, lost: 0.1, yields: 0.01 });
    }
  });

  it("give the same outcome with 60 parallel branches under faults", { timeout: LONG }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + Math.ceil(SEEDS / 12); seed += 1) {
      await holds(seed, 60, { crash: 0.02, twice: 0.1 });
    }
  });
});
