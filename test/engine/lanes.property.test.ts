import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chaosRun, faultyStore } from "../support/lanes.ts";
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

interface Rates {
  crash: number;
  twice: number;
}

const CALM: Rates = { crash: 0, twice: 0 };

async function holds(seed: number, branches: number | undefined, rates: Rates): Promise<void> {
  const random = randomOf(seed);
  draw = random;
  const nodes = branches === undefined ? 2 + Math.floor(random() * 59) : branches + 2 + Math.floor(random() * 10);
  const plan = randomPlan(random, { nodes, ...(branches === undefined ? {} : { branches }) });
  const expected = evaluate(plan, seed);
  const result = await chaosRun(plan, seed, random, faults, rates);
  expect(result.row, `seed ${seed}`).toMatchObject({ status: "succeeded" });
  expect(result.output, `seed ${seed}`).toEqual(expected.output);
  const effects = plan.root.nodes.filter((node) => node.effectful && expected.ran.has(node.id)).map((node) => node.id);
  expect([...result.effects.keys()].sort(), `seed ${seed}`).toEqual(effects.sort());
  if (rates === CALM) expect(new Set(result.effects.values())).toEqual(new Set(effects.length > 0 ? [1] : []));
}

describe("lanes", () => {
  it("give the sequential outcome, each effect once, when nothing goes wrong", { timeout: LONG }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) await holds(seed, undefined, CALM);
  });

  it("give the same outcome when tasks are repeated, reordered, and workers die anywhere", {
    timeout: LONG,
  }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      await holds(seed, undefined, { crash: 0.04, twice: 0.2 });
    }
  });

  it("give the same outcome with 60 parallel branches under faults", { timeout: LONG }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + Math.ceil(SEEDS / 12); seed += 1) {
      await holds(seed, 60, { crash: 0.02, twice: 0.1 });
    }
  });
});
