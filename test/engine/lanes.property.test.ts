import type { Plan } from "@weft/engine/plan";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluate } from "../support/evaluate-plan.ts";
import { chaosRun, type FaultRates, faultyStore } from "../support/lanes.ts";
import { randomOf, randomPlan } from "../support/random-plan.ts";
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
/** Every other task is done twice, one time after the other. */
const REPEATED: FaultRates = { crash: 0, twice: 0.5, inTurn: true };
/** Lanes are lost between two steps, and come back after the sweeper started others in their place. */
const LOST: FaultRates = { crash: 0, twice: 0, lost: 0.2 };
/** Rates under which nothing is lost half way: every effect happens once. */
const EXACT: ReadonlySet<FaultRates> = new Set([CALM, REPEATED, LOST]);
/** Loops and batches in graphs that are not one wide fork. */
const COMPOSITES = 0.08;

async function holds(seed: number, branches: number | undefined, rates: FaultRates): Promise<void> {
  const random = randomOf(seed);
  draw = random;
  const nodes = branches === undefined ? 2 + Math.floor(random() * 59) : branches + 2 + Math.floor(random() * 10);
  const plan = randomPlan(random, { nodes, ...(branches === undefined ? { composites: COMPOSITES } : { branches }) });
  const expected = await evaluate(plan, seed);
  const result = await chaosRun(plan, seed, random, faults, rates);
  expect(result.row, `seed ${seed}`).toMatchObject({ status: "succeeded" });
  expect(result.output, `seed ${seed}`).toEqual(expected.output);
  const effects = [...expected.ran].filter((path) => effectful(plan).has(path.split("/").at(-1) as string));
  expect([...result.effects.keys()].sort(), `seed ${seed}`).toEqual(effects.sort());
  expect(result.again, `seed ${seed}: done again after its checkpoint`).toEqual([]);
  expect(result.row.recoveries ?? 0, `seed ${seed}: takeovers`).toBeLessThanOrEqual(
    result.machine.lostCount + (rates.crash > 0 ? 1 : 0),
  );
  if (EXACT.has(rates)) expect(new Set(result.effects.values())).toEqual(new Set(effects.length > 0 ? [1] : []));
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

  it("do each effect once when tasks are repeated after they ended: one lane goes on through a join", {
    timeout: LONG,
  }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) await holds(seed, undefined, REPEATED);
  });

  it("do each effect once when lanes are taken over and the late ones are of an earlier epoch", {
    timeout: LONG,
  }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) await holds(seed, undefined, LOST);
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
