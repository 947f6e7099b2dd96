import { readFunctions } from "@weft/local/template/functions";
import { cheapChain } from "./canvases.ts";
import { inChild } from "./child.ts";
import type { ProductJob, ProductResult } from "./product-child.ts";
import { atMost, type Row, shownOnly } from "./row.ts";
import type { BenchWorld } from "./world.ts";

const BUDGET_MS = 1;

/** CPU of a warm sync run in the function's own process. */
export async function productRows(world: BenchWorld, isQuick: boolean): Promise<Row[]> {
  const path = await world.publish(cheapChain(3));
  const job: ProductJob = { token: world.token, path, runs: isQuick ? 300 : 2_000 };
  const { withClient, withoutClient } = await inChild<ProductResult>("product-child.ts", job, variablesOf(world));
  const scenario = "3 cheap nodes, warm";
  return [
    atMost("sync run: product CPU outside the store", scenario, withoutClient, BUDGET_MS, "ms"),
    shownOnly("sync run: CPU with the SDK's client", scenario, withClient, "ms"),
  ];
}

/** What the stack gives the function that has the run route. */
function variablesOf({ stack }: BenchWorld): Record<string, string> {
  const options = {
    entryOf: (name: string) => name,
    environment: stack.environment,
    overrides: { POWERTOOLS_LOG_LEVEL: "INFO" },
  };
  const found = readFunctions(stack.resources, options).find(({ environment }) => "RUN_WORKFLOW_ARN" in environment);
  if (!found) throw new Error("no function can start the machine");
  return { ...found.environment };
}
