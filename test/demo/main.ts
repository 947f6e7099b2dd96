import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Execution, NodeTrace } from "@weft/core/execution/execution.schema";
import type { LoggedIn } from "@weft/core/identity/user.schema";
import type { CreatedWorkflow } from "@weft/core/workflow/workflow.schema";
import { messageOf } from "@weft/kernel/errors";
import type { Counts } from "@weft/local/stack/counters";
import { Api } from "./api.ts";
import { familyOf, type License, type Registry, startRegistry } from "./registry.ts";
import { type DemoStack, startDemoStack } from "./stack.ts";
import { duration, heading, line, paint, table } from "./terminal.ts";
import { watch } from "./watch.ts";

/** `npm run demo`: a workflow over real records, on Step Functions, from sign-up to trace. `-- --exit` stops after it. */
const mustExit = process.argv.includes("--exit");
const EMAIL = "ada@example.com";
const PASSWORD = "a long demo password";
/** How many of the largest families the workflow counts. */
const FAMILIES = 6;
const begun = performance.now();

process.env.TZ = "UTC";

const file = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), "utf8");

function done(text: string): void {
  line(`  ${paint("green", "✓")} ${text} ${paint("dim", `(${duration(performance.now() - begun)} in)`)}`);
}

async function signUp(api: Api, demo: DemoStack): Promise<string> {
  heading("Sign up");
  await api.post("/api/auth/register", { email: EMAIL, password: PASSWORD, userName: "ada" });
  done(`registered ${EMAIL}`);
  await api.post("/api/auth/verify-email", { token: await demo.mailedCode(EMAIL) });
  done("confirmed the address with the code from the mail");
  const login = await api.post<LoggedIn>("/api/auth/login", { email: EMAIL, password: PASSWORD });
  api.token = login.token;
  done("logged in; a personal space came with the account");
  return login.user.personalSpaceId;
}

async function publish(api: Api, workflows: string, source: string, bindings: Record<string, string>): Promise<string> {
  const workflow = JSON.parse(await file(source)) as { name: string };
  const made = await api.post<CreatedWorkflow>(`${workflows}/import`, {
    ...workflow,
    bindings: { workflows: bindings },
  });
  if (made.issues.length > 0) throw new Error(`${source}: ${JSON.stringify(made.issues)}`);
  const { version } = await api.post<{ version: string }>(`${workflows}/${made.id}/publish`, { force: true });
  done(`imported "${workflow.name}" and published it as ${version}`);
  return made.id;
}

interface Run {
  path: string;
  execution: Execution;
  nodeCount: number;
  seconds: number;
  counts: Counts;
}

async function run(api: Api, demo: DemoStack, space: string, workflowId: string, input: Input): Promise<Run> {
  heading(`Run it on Step Functions, over ${input.licenses.length} licenses`);
  const before = demo.stack.counts();
  const from = performance.now();
  const started = await api.post<Execution>(`${space}/workflows/${workflowId}/run`, {
    mode: "async",
    input: input.values,
  });
  line(paint("dim", `  ${started.id} is ${started.status}`));
  const path = `${space}/executions/${started.id}`;
  const nested = input.licenses.filter(({ osiApproved }) => osiApproved).length + FAMILIES;
  const { execution, nodeCount } = await watch(api, path, nested);
  const seconds = (performance.now() - from) / 1_000;
  if (execution.status !== "succeeded") {
    throw new Error(`the execution ended ${execution.status}: ${JSON.stringify(execution.error)}`);
  }
  return { path, execution, nodeCount, seconds, counts: difference(before, demo.stack.counts()) };
}

function difference(before: Counts, after: Counts): Counts {
  const { dynamodb, states, lambda } = after;
  return {
    ...after,
    dynamodb: {
      ...dynamodb,
      readRequests: dynamodb.readRequests - before.dynamodb.readRequests,
      writeRequests: dynamodb.writeRequests - before.dynamodb.writeRequests,
    },
    states: {
      transitions: states.transitions - before.states.transitions,
      executions: states.executions - before.states.executions,
    },
    lambda: { ...lambda, invocations: lambda.invocations - before.lambda.invocations },
  };
}

interface Input {
  licenses: License[];
  values: { records: string; families: string[]; server: string };
}

function inputOf(records: string, registry: Registry): Input {
  const licenses = JSON.parse(records) as License[];
  const sizes = new Map<string, number>();
  for (const { id } of licenses) sizes.set(familyOf(id), (sizes.get(familyOf(id)) ?? 0) + 1);
  const families = [...sizes].sort(([, a], [, b]) => b - a).map(([name]) => name);
  return { licenses, values: { records, families: families.slice(0, FAMILIES), server: registry.url } };
}

function showTotals({ execution, nodeCount, seconds, counts }: Run, registry: Registry): void {
  heading("Totals");
  const { refused, total } = registry.calls;
  table(
    ["what", "count"],
    [
      ["nodes that ran, turns of loops and batches included", `${nodeCount}`],
      ["HTTP calls", `${total}`],
      ["  answered 503 and tried again", `${refused}`],
      ["Step Functions executions", `${counts.states.executions}`],
      ["Step Functions transitions", `${counts.states.transitions}`],
      ["DynamoDB writes (all that happened meanwhile)", `${counts.dynamodb.writeRequests}`],
      ["seconds", seconds.toFixed(2)],
    ],
    ["count"],
  );
  const { message } = execution.output as { message: string };
  line(`  ${paint("bold", message)}`);
}

async function showTrace(api: Api, { path }: Run): Promise<void> {
  const nodes = await api.all<NodeTrace>(`${path}/nodes`);
  heading("The same run's trace, from the API");
  line(paint("dim", `  GET ${path}/nodes`));
  const shown = nodes.filter((node, index) => !node.path.includes("/") || isOneOfFirst(nodes, index));
  const rows = shown.map((node) => [
    node.path,
    node.type,
    node.status,
    duration(node.durationMs),
    `${node.attempts}`,
    excerpt(node.output),
  ]);
  table(["path", "type", "status", "time", "tries", "output"], rows, ["time", "tries"]);
  line(paint("dim", `  … and ${nodes.length - shown.length} more of the batch and the loop`));
}

/** Whether a nested node is the first of its composite in the trace. */
function isOneOfFirst(nodes: readonly NodeTrace[], index: number): boolean {
  const composite = (node: NodeTrace | undefined): string => node?.path.split(".", 1)[0] ?? "";
  return nodes.findIndex((node) => node.path.includes("/") && composite(node) === composite(nodes[index])) === index;
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length <= 48 ? text : `${text.slice(0, 47)}…`;
}

async function showNext(api: Api, space: string, workflowId: string, { path }: Run, registry: Registry): Promise<void> {
  const { key } = await api.post<{ key: string }>("/api/me/api-keys", { name: "demo" });
  const input = {
    records: JSON.stringify([{ id: "MIT", name: "MIT License", url: "", osiApproved: true }]),
    families: ["MIT"],
    server: registry.url,
  };
  const execution = path.slice(space.length);
  heading("Try next");
  line(`  ${paint("cyan", `${api.url}/docs`)}  every route, in the browser`);
  line(`  ${paint("cyan", `${registry.url}/reports/1`)}  the report that the workflow filed`);
  line();
  line(`    auth="Authorization: Bearer ${key}"`);
  line(`    space=${api.url}${space}`);
  line(paint("dim", "  the run above, what each node did, the list of runs"));
  for (const end of [execution, `${execution}/nodes`, "/executions"]) line(`    curl -s -H "$auth" $space${end}`);
  line(paint("dim", "  what else can be begun with: eighteen templates that run as they are"));
  line(`    curl -s -H "$auth" "$space/templates?limit=20"`);
  line(paint("dim", "  the same workflow over one license: too few for a report. `sync` waits for the answer"));
  line(`    curl -s -H "$auth" -H "Content-Type: application/json" $space/workflows/${workflowId}/run \\`);
  line(`      -d '${JSON.stringify({ mode: "sync", input })}'`);
}

async function tell(demo: DemoStack, registry: Registry, records: string): Promise<void> {
  const api = new Api(demo.stack.url);
  done(`the API answers at ${api.url}`);
  const spaceId = await signUp(api, demo);
  const space = `/api/spaces/${spaceId}`;
  heading("Import and publish");
  const reportId = await publish(api, `${space}/workflows`, "report.workflow.json", {});
  const reviewId = await publish(api, `${space}/workflows`, "review.workflow.json", { "license-report": reportId });
  const ran = await run(api, demo, space, reviewId, inputOf(records, registry));
  showTotals(ran, registry);
  await showTrace(api, ran);
  if (!mustExit) await showNext(api, space, reviewId, ran, registry);
}

async function main(): Promise<void> {
  line(paint("bold", "Weft: a workflow over the SPDX License List, from sign-up to trace"));
  heading("Start the local cloud");
  line(paint("dim", "  the first start makes the CloudFormation templates, which takes a few seconds more"));
  const records = await file("data/spdx-licenses.json");
  const registry = await startRegistry(JSON.parse(records) as License[]);
  const starting = startDemoStack();
  const close = async (): Promise<void> => {
    await (await starting).close();
    await registry.close();
  };
  const stop = (): void => {
    line();
    close().finally(() => process.exit(isThrough && !mustExit ? 0 : 1));
  };
  let isThrough = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  try {
    await tell(await starting, registry, records);
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
  isThrough = true;
  if (mustExit) return close();
  line();
  line("  The API goes on answering. Ctrl-C stops it and removes the demo's data.");
}

try {
  await main();
  if (mustExit) {
    line();
    line(`${paint("green", "✓")} all went well, in ${duration(performance.now() - begun)}`);
    process.exit(0);
  }
} catch (error) {
  line(`${paint("red", "✗")} ${messageOf(error)}`);
  process.exit(1);
}
