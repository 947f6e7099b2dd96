import { planAlone, planUntil } from "@weft/engine/partial";
import type { Plan } from "@weft/engine/plan";
import type { Pin } from "@weft/engine/record";
import type { StoredPin } from "../workflow/workflow.pins.schema.ts";
import type { ExecutionDeps } from "./deps.ts";
import type { Material } from "./execution.entity.ts";
import { type ExecutionRow, materialOf, type Part } from "./store.ts";
import { loadValue } from "./values.ts";

/** What an execution runs, and with what. */
export interface Setup {
  plan: Plan;
  input: Record<string, unknown>;
  variables: Record<string, unknown>;
  pins?: ReadonlyMap<string, Pin>;
}

export async function setupOf(deps: Pick<ExecutionDeps, "plan">, row: ExecutionRow): Promise<Setup> {
  const [plan, material] = await Promise.all([deps.plan(row), materialOf(row)]);
  return setUp(plan, row, material);
}

/** {@link setupOf} from what is at hand. */
export async function setUp(
  plan: Plan,
  row: Part & { spaceId: string },
  { input, variables, pins }: Material,
): Promise<Setup> {
  return { plan: partOf(plan, row, input), input, variables, ...(pins ? { pins: await loadPins(row, pins) } : {}) };
}

/** The part of a plan that is run. `input` is what the run is given, for a node alone its inputs. */
export function partOf(plan: Plan, { nodeId, untilNodeId }: Part, input: Record<string, unknown>): Plan {
  if (nodeId !== undefined) return planAlone(plan, nodeId, input);
  return untilNodeId === undefined ? plan : until(plan, untilNodeId);
}

const shortened = new WeakMap<Plan, Map<string, Plan>>();

/** Made once for each plan in memory: every step of a lane asks for it. */
function until(plan: Plan, nodeId: string): Plan {
  const known = shortened.get(plan) ?? new Map<string, Plan>();
  shortened.set(plan, known);
  const part = known.get(nodeId) ?? planUntil(plan, nodeId);
  known.set(nodeId, part);
  return part;
}

async function loadPins(row: { spaceId: string }, pins: Record<string, StoredPin>): Promise<ReadonlyMap<string, Pin>> {
  const loaded = Object.entries(pins).map(async ([nodeId, { output, ...port }]): Promise<[string, Pin]> => {
    return [nodeId, { output: (await loadValue(row, output)) as Pin["output"], ...port }];
  });
  return new Map(await Promise.all(loaded));
}
