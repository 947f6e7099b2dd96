import { chain, cheapChain } from "./canvases.ts";
import { counted, median, type Row, shownOnly } from "./row.ts";
import { type BenchWorld, must } from "./world.ts";

const LONG = 200;
/** A step reads its execution and its own node's record; what stands before it is read once by each process. */
const READS_PER_NODE = 3;
const READS_ONCE = LONG;

/** The three ways to run the same workflow, each to its end. */
export async function wayRows(world: BenchWorld, isQuick: boolean): Promise<Row[]> {
  const path = await world.publish(cheapChain(3));
  const executions = `/api/spaces/${world.spaceId}/executions`;
  const run = (mode: string) => must(world.call("POST", `${path}/run`, { mode, input: { n: 1 } }));
  const ways: Record<string, () => Promise<string>> = {
    sync: async () => (await run("sync")).status,
    stream: async () => {
      const response = await fetch(`${world.stack.url}${path}/run`, {
        method: "POST",
        headers: { authorization: `Bearer ${world.token}`, "content-type": "application/json" },
        body: JSON.stringify({ mode: "stream", input: { n: 1 } }),
      });
      const text = await response.text();
      return text.includes('"status":"succeeded"') ? "succeeded" : text.slice(-500);
    },
    async: async () => {
      const { id } = await run("async");
      await world.stack.idle();
      return (await must(world.call("GET", `${executions}/${id}`))).status;
    },
  };
  const rows: Row[] = [];
  for (const [way, once] of Object.entries(ways)) {
    const times: number[] = [];
    for (let i = 0; i < (isQuick ? 8 : 30); i += 1) {
      const begun = performance.now();
      const status = await once();
      if (status !== "succeeded") throw new Error(`a ${way} run ended: ${status}`);
      if (i >= 3) times.push(performance.now() - begun);
    }
    rows.push(shownOnly("run to its end, over HTTP", `${way}, 3 cheap nodes`, median(times), "ms"));
  }
  return rows;
}

/** Rows that a long chain reads from the store: as many for each node, however many stand before it. */
export async function chainRows(world: BenchWorld): Promise<Row[]> {
  const path = await world.publish(chain(LONG, world.target));
  await world.stack.idle();
  const before = world.stack.counts().dynamodb.itemsRead;
  const begun = performance.now();
  const { id } = await must(world.call("POST", `${path}/run`, { mode: "async", input: { n: 1 } }));
  while (world.stack.counts().states.executions === 0) await world.stack.idle();
  await world.stack.idle();
  const seconds = (performance.now() - begun) / 1000;
  const read = world.stack.counts().dynamodb.itemsRead - before;
  const { status } = await must(world.call("GET", `/api/spaces/${world.spaceId}/executions/${id}`));
  if (status !== "succeeded") throw new Error(`execution ${id} ended ${status}`);
  const scenario = `chain of ${LONG}`;
  return [
    counted("async run: rows read", scenario, read, READS_PER_NODE * LONG + READS_ONCE),
    shownOnly("async run: to its end", scenario, seconds, "s"),
  ];
}
