import { clearPlans, resolvePlan } from "@weft/core/workflow/workflow.plans";
import type { WorkflowId } from "@weft/core/workflow/workflow.schema";
import { systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { startTable } from "../support/table.ts";
import { echoCanvas, type WorkflowApi, workflowApi } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let spaceId: Id<"space">;
let api: WorkflowApi;
let elsewhere: WorkflowApi;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  const ann = await makePerson();
  spaceId = await makeSpace([{ person: ann, role: "owner" }]);
  api = workflowApi(handler, spaceId, ann);
  elsewhere = workflowApi(handler, await makeSpace([{ person: ann, role: "owner" }]), ann);
});
afterAll(async () => {
  await table.close();
  await files.close();
});

const limits = {
  concurrency: { max: 2, key: "customer.id", onLimit: "reject", queueTtlSeconds: 60, maxQueued: 5 },
  dedupe: { key: "orderId", ttlSeconds: 600 },
  rateLimit: { limit: 10, windowSeconds: 60 },
  priority: "high",
};
const make = async (settings: object = {}, by = api) =>
  (await by("POST", "", { name: "Flow", canvas: echoCanvas(), settings })).json;
const publish = (id: string) => api("POST", `/${id}/publish`, { force: true });
const change = (id: string, expectedRevision: number, settings: object) =>
  api("PATCH", `/${id}`, { expectedRevision, settings });
const problem = ({ status, json }: { status: number; json: { error?: { code: string; details?: unknown } } }) => {
  const issues = (json.error?.details as { issues?: { path: string }[] } | undefined)?.issues ?? [];
  return [status, json.error?.code, issues.map(({ path }) => path)];
};

describe("limits in the settings", () => {
  it("are kept, filled in, changed one by one and taken away", async () => {
    const { id, settings } = await make(limits);
    expect(settings).toMatchObject(limits);
    expect((await api("GET", `/${id}`)).json.settings).toEqual(settings);
    const changed = await change(id, 1, { concurrency: { max: 1 }, dedupe: null, priority: 7 });
    expect(changed.json.settings).toMatchObject({
      concurrency: { max: 1, onLimit: "queue", queueTtlSeconds: 86_400, maxQueued: 1_000 },
      rateLimit: limits.rateLimit,
      priority: 7,
    });
    expect(changed.json.settings.dedupe).toBeUndefined();
    const none = await change(id, 2, { concurrency: null, rateLimit: null, priority: null });
    expect(none.json.settings).toEqual({ timeoutSeconds: 86_400, sliceSeconds: 0, durable: false, snapshotsKept: 50 });
  });

  it.each([
    [{ concurrency: { max: 0 } }, "concurrency.max"],
    [{ concurrency: {} }, "concurrency.max"],
    [{ concurrency: { max: 1, onLimit: "drop" } }, "concurrency.onLimit"],
    [{ concurrency: { max: 1, keys: "a" } }, "concurrency.keys"],
    [{ concurrency: { max: 1, key: "a +" } }, "concurrency.key"],
    [{ concurrency: { max: 1, key: "$millis()" } }, "concurrency.key"],
    [{ dedupe: { key: "a", ttlSeconds: 0 } }, "dedupe.ttlSeconds"],
    [{ rateLimit: { limit: 1 } }, "rateLimit.windowSeconds"],
    [{ priority: "urgent" }, "priority"],
    [{ priority: 101 }, "priority"],
    [{ errorWorkflowId: "exe_01jd0000000000000000000000" }, "errorWorkflowId"],
    [{ debounce: {} }, "debounce"],
  ])("are refused by name: %j", async (settings, path) => {
    const made = await api("POST", "", { name: "Bad", settings });
    expect(problem(made)).toEqual([400, "invalid_input", [`settings.${path}`]]);
    const { id } = await make();
    expect(problem(await change(id, 1, settings))).toEqual([400, "invalid_input", [`settings.${path}`]]);
  });

  it("are refused by name in a request to run", async () => {
    const { id } = await make();
    const run = (body: object) => api("POST", `/${id}/run`, { version: "draft", ...body });
    expect(problem(await run({ dedupe: { key: "" } }))).toEqual([400, "invalid_input", ["dedupe.key"]]);
    expect(problem(await run({ priority: 1.5 }))).toEqual([400, "invalid_input", ["priority"]]);
  });

  it("come with a copy, an export and an import", async () => {
    const { id } = await make(limits);
    expect((await api("POST", `/${id}/duplicate`, {})).json.settings).toMatchObject(limits);
    const { workflow } = (await api("GET", `/${id}/export`)).json;
    expect((await elsewhere("POST", "/import", workflow)).json.settings).toMatchObject(limits);
  });
});

describe("the error workflow", () => {
  const callers = async (id: string, direction = "callers") =>
    (await api("GET", `/${id}/references?direction=${direction}`)).json.items;

  it("is a reference, both ways, as long as the settings name it", async () => {
    const errors = await make();
    const { id } = await make({ errorWorkflowId: errors.id });
    const reference = { source: "error", calls: [{ nodeIds: [] }] };
    expect(await callers(errors.id)).toEqual([{ workflowId: id, name: "Flow", ...reference }]);
    expect(await callers(id, "calls")).toEqual([{ workflowId: errors.id, name: "Flow", ...reference }]);
    const other = await make();
    await change(id, 1, { errorWorkflowId: other.id });
    expect(await callers(errors.id)).toEqual([]);
    expect(await callers(other.id)).toHaveLength(1);
    expect((await change(id, 2, { errorWorkflowId: null })).json.settings.errorWorkflowId).toBeUndefined();
    expect(await callers(other.id)).toEqual([]);
  });

  it("is one of the same space that is there, in a version that it has", async () => {
    const foreign = await make({}, elsewhere);
    const gone = await make();
    await api("DELETE", `/${gone.id}`);
    for (const errorWorkflowId of [foreign.id, gone.id]) {
      const answer = await api("POST", "", { name: "Bad", settings: { errorWorkflowId } });
      expect(problem(answer)).toEqual([400, "invalid_input", ["settings.errorWorkflowId"]]);
    }
    const errors = await make();
    const { id } = await make();
    const versioned = { errorWorkflowId: errors.id, errorWorkflowVersion: "v1.0.0" };
    expect(problem(await change(id, 1, versioned))[2]).toEqual(["settings.errorWorkflowVersion"]);
    expect(problem(await change(id, 1, { errorWorkflowVersion: "v1.0.0" }))[2]).toEqual([
      "settings.errorWorkflowVersion",
    ]);
    await publish(errors.id);
    expect((await change(id, 1, versioned)).json.settings).toMatchObject(versioned);
    const other = await make();
    const moved = (await change(id, 2, { errorWorkflowId: other.id })).json.settings;
    expect([moved.errorWorkflowId, moved.errorWorkflowVersion]).toEqual([other.id, undefined]);
  });

  it("has to be published before those that name it", async () => {
    const errors = await make();
    const { id } = await make({ errorWorkflowId: errors.id });
    const refused = await publish(id);
    expect(problem(refused)).toEqual([422, "unprocessable", ["settings.errorWorkflowId"]]);
    await publish(errors.id);
    expect((await publish(id)).status).toBe(201);
    const own = await make();
    await change(own.id, 1, { errorWorkflowId: own.id });
    expect((await publish(own.id)).status).toBe(201);
  });

  it("is not deleted while others name it, unless that is meant", async () => {
    const errors = await make();
    const { id } = await make({ errorWorkflowId: errors.id });
    const refused = await api("DELETE", `/${errors.id}`);
    expect(refused.status).toBe(409);
    expect(refused.json.error.details.callers).toMatchObject([{ workflowId: id, source: "error" }]);
    expect((await api("DELETE", `/${errors.id}?force=true`)).status).toBe(204);
    expect(problem(await publish(id))).toEqual([422, "unprocessable", ["settings.errorWorkflowId"]]);
    // A copy does without what is gone.
    expect((await api("POST", `/${id}/duplicate`, {})).json.settings.errorWorkflowId).toBeUndefined();
  });

  it("goes with a package, and is bound or left out by an import", async () => {
    const errors = await make();
    const { id } = await make({ errorWorkflowId: errors.id });
    const pack = (await api("GET", `/${id}/package`)).json.package;
    expect(pack.workflows).toHaveLength(2);
    const imported = (await elsewhere("POST", "/import", { canvas: pack })).json;
    const theirs = imported.workflows.find((one: { externalId: string }) => one.externalId === errors.id).id;
    expect(imported.settings.errorWorkflowId).toBe(theirs);
    const { workflow } = (await api("GET", `/${id}/export`)).json;
    const alone = (await elsewhere("POST", "/import", workflow)).json;
    expect(alone.settings.errorWorkflowId).toBeUndefined();
    expect(alone.report.notes).toEqual([`the error workflow ${errors.id} is not in this space and is left out`]);
    const bindings = { workflows: { [errors.id]: theirs } };
    expect((await elsewhere("POST", "/import", { ...workflow, bindings })).json.settings.errorWorkflowId).toBe(theirs);
    expect((await api("POST", "/import", workflow)).json.settings.errorWorkflowId).toBe(errors.id);
  });

  it("may begin with an error trigger, which declares what it is told", async () => {
    const canvas = {
      nodes: [
        { id: "failed", type: "error_trigger", data: {} },
        { id: "end", type: "end", data: { inputs: [{ name: "why", ref: "failed.execution.error.message" }] } },
      ],
      edges: [{ source: "failed", target: "end" }],
    };
    const { id, issues } = (await api("POST", "", { name: "Errors", canvas })).json;
    expect(issues).toEqual([]);
    const ctx = systemCtx("test", { spaceId });
    clearPlans();
    const { plan } = await resolvePlan(ctx, { workflowId: id as WorkflowId, version: "draft" });
    expect(plan.inputs.map(({ name }) => name)).toEqual(["execution", "workflow"]);
    const two = { ...canvas, nodes: [{ id: "start", type: "start", data: {} }, ...canvas.nodes] };
    const { issues: more } = (await api("POST", `/${id}/validate`, { canvas: two })).json;
    expect(more.map(({ code, nodeId }: { code: string; nodeId: string }) => [code, nodeId])).toContainEqual([
      "misplaced_node",
      "failed",
    ]);
  });
});
