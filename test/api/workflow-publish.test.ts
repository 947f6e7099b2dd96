import { clearPlans, loadPlan, resolvePlan } from "@weft/core/workflow/workflow.plans";
import type { CommitId, WorkflowId } from "@weft/core/workflow/workflow.schema";
import { markTestRun } from "@weft/core/workflow/workflow.tested";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { countRequests } from "../support/count.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas, echoCanvas, type WorkflowApi, workflowApi } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let api: WorkflowApi;
let ctx: Ctx;
let otherCtx: Ctx;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  const ann = await makePerson();
  const spaceId: Id<"space"> = await makeSpace([{ person: ann, role: "owner" }]);
  api = workflowApi(handler, spaceId, ann);
  ctx = systemCtx("test", { spaceId });
  otherCtx = systemCtx("test", { spaceId: await makeSpace([{ person: ann, role: "owner" }]) });
});
afterAll(async () => {
  await table.close();
  await files.close();
});

const make = async (canvas: unknown = echoCanvas()): Promise<{ id: WorkflowId }> =>
  (await api("POST", "", { name: "Flow", canvas })).json;
const publish = (id: string, body: object = { force: true }) => api("POST", `/${id}/publish`, body);
const save = (id: string, expectedRevision: number, canvas: unknown, more: object = {}) =>
  api("PUT", `/${id}/draft`, { expectedRevision, canvas, ...more });
/** What the execution domain does for a run of the draft that succeeds. */
const runDraft = async (workflowId: WorkflowId) => {
  const { commitId } = await resolvePlan(ctx, { workflowId, version: "draft" });
  await markTestRun(ctx, workflowId, commitId as CommitId);
  return commitId as CommitId;
};

describe("happy", () => {
  it("publishes what a run has proved, each version greater than the last", async () => {
    const { id } = await make();
    await runDraft(id);
    const first = await publish(id, { description: "first" });
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({
      workflowId: id,
      version: "v1.0.0",
      description: "first",
      nodeCount: 2,
      calls: [],
    });
    expect(first.json.inputs).toMatchObject([{ name: "text" }]);
    expect((await api("GET", `/${id}`)).json).toMatchObject({ status: "active", currentVersion: "v1.0.0" });
    expect((await api("GET", `/${id}/draft`)).json).toMatchObject({ isTested: true, isModified: false, revision: 1 });
    expect((await publish(id, { version: "v1.10.0" })).json.version).toBe("v1.10.0");
    expect((await publish(id, { version: "v1.9.0" })).json.error.code).toBe("conflict");
    expect((await publish(id)).json.version).toBe("v1.10.1");
    const page = (await api("GET", `/${id}/versions?limit=2`)).json;
    expect(page.items.map((item: { version: string }) => item.version)).toEqual(["v1.10.1", "v1.10.0"]);
    const rest = (await api("GET", `/${id}/versions?limit=2&cursor=${encodeURIComponent(page.nextCursor)}`)).json;
    expect(rest).toMatchObject({ items: [{ version: "v1.0.0" }], nextCursor: null });
  });

  it("asks for a new run after a change of what runs, not after one of the drawing", async () => {
    const { id } = await make();
    expect((await publish(id, {})).json.error.code).toBe("unprocessable");
    await runDraft(id);
    const moved = echoCanvas();
    for (const node of moved.nodes) node.position = { x: 7, y: 7 };
    expect((await save(id, 1, moved)).json).toMatchObject({ isTested: true, revision: 2 });
    expect((await save(id, 2, echoCanvas("Other title"))).json).toMatchObject({ isTested: true, revision: 3 });
    const changed = echoCanvas();
    changed.nodes[0]?.data.outputs?.push({ name: "more", type: "string" });
    expect((await save(id, 3, changed)).json.isTested).toBe(false);
    expect((await publish(id, {})).json.error.code).toBe("unprocessable");
    expect((await publish(id, { force: true })).status).toBe(201);
  });

  it("keeps versions as they were, and makes one the draft again", async () => {
    const { id } = await make(echoCanvas("one"));
    await publish(id);
    await save(id, 1, echoCanvas("two"));
    await publish(id);
    const label = async (path: string) => (await api("GET", `/${id}${path}`)).json.canvas.nodes[0].data.label;
    expect([await label("/versions/v1.0.0"), await label("/versions/v1.0.1")]).toEqual(["one", "two"]);
    const back = await api("POST", `/${id}/versions/v1.0.0/rollback`, { expectedRevision: 2 });
    expect(back.json).toMatchObject({ revision: 3, isModified: true });
    expect([await label("/draft"), await label("/versions/v1.0.1")]).toEqual(["one", "two"]);
  });

  it("keeps the commit of a draft that was run", async () => {
    const { id } = await make(echoCanvas("one"));
    const commitId = await runDraft(id);
    await save(id, 1, echoCanvas("two"));
    const kept = (await api("GET", `/${id}/commits/${commitId}`)).json;
    expect(kept).toMatchObject({ workflowId: id, commitId });
    expect(kept.canvas.nodes[0].data.label).toBe("one");
    clearPlans();
    const { plan } = await loadPlan(ctx, { workflowId: id, commitId });
    expect(plan.root.nodes[0]?.title).toBe("one");
    const never = (await api("GET", `/${id}/draft`)).json.commitId;
    expect((await api("GET", `/${id}/commits/${never}`)).status).toBe(404);
  });

  it("shows who calls a workflow and whom it calls, as drafts and versions are", async () => {
    const called = await make();
    await publish(called.id);
    const caller = await make(callingCanvas({ workflowId: called.id }, { workflowId: called.id, version: "v1.0.0" }));
    const list = async (id: string, direction: string) =>
      (await api("GET", `/${id}/references?direction=${direction}`)).json.items;
    const calls = [{ nodeIds: ["call0"] }, { version: "v1.0.0", nodeIds: ["call1"] }];
    const draft = { workflowId: caller.id, name: "Flow", source: "draft", calls };
    expect(await list(called.id, "callers")).toEqual([draft]);
    expect((await publish(caller.id)).json.calls).toHaveLength(2);
    expect(await list(called.id, "callers")).toEqual([draft, { ...draft, source: "published" }]);
    await save(caller.id, 1, echoCanvas());
    expect(await list(called.id, "callers")).toEqual([{ ...draft, source: "published" }]);
    expect(await list(caller.id, "calls")).toEqual([{ ...draft, workflowId: called.id, source: "published" }]);
  });
});

describe("plans", () => {
  it("come from the latest version, a named one or the draft", async () => {
    const { id } = await make(echoCanvas("one"));
    await expect(resolvePlan(ctx, { workflowId: id })).rejects.toMatchObject({ code: "unprocessable" });
    expect(await resolvePlan(ctx, { workflowId: id, draftFallback: true })).toMatchObject({ version: null });
    await publish(id);
    await save(id, 1, echoCanvas("two"));
    await publish(id);
    await save(id, 2, echoCanvas("three"));
    const title = async (version?: string) => {
      const { plan } = await resolvePlan(ctx, { workflowId: id, version, draftFallback: true });
      return plan.root.nodes[0]?.title;
    };
    expect([await title(), await title("v1.0.0"), await title("draft")]).toEqual(["two", "one", "three"]);
    for (const version of ["v9.0.0", "1.0.0", "latest", ""]) {
      await expect(resolvePlan(ctx, { workflowId: id, version })).rejects.toMatchObject({ code: "not_found" });
    }
  });

  it("cost no read when warm, and one when the pointer has to be looked at again", async () => {
    const { id } = await make();
    await publish(id);
    clearPlans();
    const [cold, warm] = [
      await countRequests(() => resolvePlan(ctx, { workflowId: id })),
      await countRequests(() => resolvePlan(ctx, { workflowId: id })),
    ];
    expect([cold, warm]).toEqual([2, 0]);
    expect(await countRequests(() => loadPlan(ctx, { workflowId: id, version: "v1.0.0" }))).toBe(0);
  });

  it("follow a publish, a pause and a removal at once in the process that did it", async () => {
    const { id } = await make();
    await publish(id);
    expect((await resolvePlan(ctx, { workflowId: id })).version).toBe("v1.0.0");
    await publish(id);
    expect((await resolvePlan(ctx, { workflowId: id })).version).toBe("v1.0.1");
    const { revision } = (await api("GET", `/${id}`)).json;
    await api("PATCH", `/${id}`, { expectedRevision: revision, status: "paused" });
    await expect(resolvePlan(ctx, { workflowId: id })).rejects.toMatchObject({ code: "unprocessable" });
    await api("PATCH", `/${id}`, { expectedRevision: revision + 1, status: "active", settings: { durable: true } });
    expect((await resolvePlan(ctx, { workflowId: id })).settings.durable).toBe(true);
    await api("DELETE", `/${id}`);
    await expect(resolvePlan(ctx, { workflowId: id })).rejects.toMatchObject({ code: "not_found" });
    expect((await loadPlan(ctx, { workflowId: id, version: "v1.0.0" })).version).toBe("v1.0.0");
  });

  it("are not found from another space, warm or cold", async () => {
    const { id } = await make();
    await publish(id);
    const commitId = await runDraft(id);
    for (const _ of ["warm", "cold"]) {
      const notFound = { code: "not_found" };
      await expect(resolvePlan(otherCtx, { workflowId: id })).rejects.toMatchObject(notFound);
      await expect(loadPlan(otherCtx, { workflowId: id, version: "v1.0.0" })).rejects.toMatchObject(notFound);
      await expect(loadPlan(otherCtx, { workflowId: id, commitId })).rejects.toMatchObject(notFound);
      clearPlans();
    }
  });

  it("cannot be changed by who gets them", async () => {
    const { id } = await make();
    await publish(id);
    const { plan } = await resolvePlan(ctx, { workflowId: id });
    expect(() => plan.root.nodes.pop()).toThrow(TypeError);
  });

  it("are refused for a draft with errors, naming the node", async () => {
    const { id } = await make({ nodes: [{ id: "start", type: "start", data: {} }], edges: [] });
    await expect(resolvePlan(ctx, { workflowId: id, version: "draft" })).rejects.toMatchObject({
      code: "unprocessable",
      details: { issues: [expect.objectContaining({ severity: "error" })] },
    });
  });
});

describe("error", () => {
  it("publishes nothing that has errors, and names the nodes", async () => {
    const unknown = "wfl_01jd0000000000000000000000";
    const unpublished = await make();
    const { id } = await make(callingCanvas({ workflowId: unknown }, { workflowId: unpublished.id }));
    const { status, json } = await publish(id);
    expect([status, json.error.code]).toEqual([422, "unprocessable"]);
    expect(json.error.details.issues).toMatchObject([
      { nodeId: "call0", code: "unknown_workflow", path: "nodes.call0.data.config.workflowId" },
      { nodeId: "call1", code: "unpublished_workflow" },
    ]);
    expect((await api("GET", `/${id}/versions`)).json.items).toEqual([]);
  });

  it("warns of calls of drafts while drawing, and refuses them in versions", async () => {
    const called = await make();
    await publish(called.id);
    const made = (
      await api("POST", "", { name: "x", canvas: callingCanvas({ workflowId: called.id, version: "draft" }) })
    ).json;
    expect(made.issues).toMatchObject([{ code: "unpublished_workflow", severity: "warning" }]);
    expect((await publish(made.id)).status).toBe(422);
    const pinned = callingCanvas({ workflowId: called.id, version: "v7.0.0" });
    const missing = (await save(made.id, 1, pinned)).json.issues;
    expect(missing).toMatchObject([{ code: "unknown_workflow", severity: "error" }]);
  });

  it("refuses workflows that call each other in a circle", async () => {
    const [a, b] = [await make(), await make()];
    await publish(a.id);
    const own = (await save(a.id, 1, callingCanvas({ workflowId: a.id }))).json.issues;
    expect(own).toMatchObject([{ code: "workflow_cycle", nodeId: "call0" }]);
    await save(b.id, 1, callingCanvas({ workflowId: a.id }));
    expect((await publish(b.id)).status).toBe(201);
    await save(a.id, 2, callingCanvas({ workflowId: b.id }));
    const refused = await publish(a.id);
    expect(refused.json.error.details.issues).toMatchObject([{ code: "workflow_cycle", nodeId: "call0" }]);
  });

  it("refuses calls deeper than runs are nested", async () => {
    let below = (await make()).id;
    await publish(below);
    for (let depth = 1; depth <= 10; depth++) {
      const { id } = await make(callingCanvas({ workflowId: below }));
      expect((await publish(id)).status).toBe(201);
      below = id;
    }
    const { id } = await make(callingCanvas({ workflowId: below }));
    expect((await publish(id)).json.error.details.issues).toMatchObject([{ code: "workflow_depth" }]);
  });

  it("does not remove what published workflows call, unless forced", async () => {
    const called = await make();
    await publish(called.id);
    const caller = await make(callingCanvas({ workflowId: called.id }));
    await publish(caller.id);
    const refused = await api("DELETE", `/${called.id}`);
    const callers = {
      callers: [{ workflowId: caller.id, name: "Flow", source: "published", calls: [{ nodeIds: ["call0"] }] }],
    };
    expect([refused.status, refused.json.error.details]).toEqual([409, callers]);
    expect((await api("DELETE", `/${called.id}?force=true`)).status).toBe(204);
    const { issues } = (await api("POST", `/${caller.id}/validate`, {})).json;
    expect(issues).toMatchObject([{ code: "unknown_workflow" }]);
    await api("POST", `/${called.id}/restore`);
    expect((await api("POST", `/${caller.id}/validate`, {})).json).toEqual({ isValid: true, issues: [] });
  });

  it("keeps an unpublished workflow a draft", async () => {
    const { id } = await make();
    const answer = await api("PATCH", `/${id}`, { expectedRevision: 1, status: "active" });
    expect(answer.json.error.code).toBe("unprocessable");
  });
});

describe("races", () => {
  it("lets one of many saves of a revision through, and keeps one draft whole", async () => {
    const { id } = await make();
    const labels = Array.from({ length: 8 }, (_, n) => `save ${n}`);
    const answers = await Promise.all(labels.map((label) => save(id, 1, echoCanvas(label))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)]);
    const won = answers.findIndex(({ status }) => status === 200);
    const draft = (await api("GET", `/${id}/draft`)).json;
    expect([draft.revision, draft.canvas.nodes[0].data.label]).toEqual([2, labels[won]]);
    expect((await api("GET", `/${id}`)).json.draftRevision).toBe(2);
  });

  it("lets one of many publishes of a version through", async () => {
    const { id } = await make();
    const answers = await Promise.all(Array.from({ length: 6 }, () => publish(id, { version: "v2.0.0", force: true })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(5).fill(409)]);
    expect((await api("GET", `/${id}/versions`)).json.items).toHaveLength(1);
  });

  it("publishes no draft that a save replaces meanwhile", async () => {
    const { id } = await make(echoCanvas("old"));
    const [published, saved] = await Promise.all([publish(id), save(id, 1, echoCanvas("new"))]);
    expect(saved.status).toBe(200);
    expect([201, 409]).toContain(published.status);
    const versions = (await api("GET", `/${id}/versions`)).json.items;
    expect(versions).toHaveLength(published.status === 201 ? 1 : 0);
    const stale = await publish(id, { force: true, expectedRevision: 1 });
    expect(stale.json.error.code).toBe("conflict");
  });

  it("lets one of many changes of a revision through", async () => {
    const { id } = await make();
    const change = (n: number) => api("PATCH", `/${id}`, { expectedRevision: 1, name: `n${n}` });
    const answers = await Promise.all([1, 2, 3, 4, 5].map(change));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
  });
});
