import { copyables } from "@weft/core/copy/copy.kinds";
import { resolvePlan } from "@weft/core/workflow/workflow.plans";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { copyWorld, list, make, objects, publish, type CopySpace as Space, targetOf } from "../support/copies.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, type Person, withKey } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas, echoCanvas } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let ann: Person;
const { copies, copyTo, newSpace, spaceOf, move } = copyWorld(handler, () => ann);

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  ann = await makePerson();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await table.close();
  await files.close();
});

const inSpace = ({ id }: Space) => systemCtx("test", { spaceId: id });

describe("the error workflow of a copy", () => {
  const settingsOf = async ({ api }: Space, id: string) => (await api("GET", `/${id}`)).json.settings;

  it("comes along in its version, and cannot be moved from under what stays", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const errors = await make(there);
    await publish(there, errors);
    const settings = { errorWorkflowId: errors, errorWorkflowVersion: "v1.0.0" };
    const id = await make(there, echoCanvas(), { settings });
    const { json: task } = await copyTo(here, there, [id]);
    const copied = { errorWorkflowId: targetOf(task, errors), errorWorkflowVersion: "v1.0.0" };
    expect(await settingsOf(here, targetOf(task, id))).toMatchObject(copied);
    const { items } = (await here.api("GET", `/${copied.errorWorkflowId}/references`)).json;
    expect(items).toMatchObject([{ workflowId: targetOf(task, id), source: "error" }]);
    const refused = await copyTo(here, there, [errors], { mode: "move" });
    expect([refused.status, refused.json.error.code]).toEqual([409, "conflict"]);
  });

  it("may be the workflow itself, and is left out where it cannot be there yet", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const [own, other, third] = [await make(there), await make(there), await make(there)];
    const name = (id: string, errorWorkflowId: string) =>
      there.api("PATCH", `/${id}`, { expectedRevision: 1, settings: { errorWorkflowId } });
    await name(own, own);
    await name(other, third);
    await name(third, other);
    const { json: task } = await copyTo(here, there, [own, other]);
    expect(task.status).toBe("succeeded");
    const copy = (id: string) => targetOf(task, id);
    const errorOf = async (id: string) => (await settingsOf(here, copy(id))).errorWorkflowId;
    expect([await errorOf(own), await errorOf(other), await errorOf(third)]).toEqual([
      copy(own),
      copy(third),
      undefined,
    ]);
  });
});

describe("a copy", () => {
  it("brings what is called along, with its versions, and calls the copies", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const low = await make(there, echoCanvas("old"), { name: "Low", tags: ["x"] });
    await publish(there, low);
    for (const [revision, label] of [
      [1, "mid"],
      [2, "new"],
    ] as const) {
      await there.api("PUT", `/${low}/draft`, { expectedRevision: revision, canvas: echoCanvas(label) });
      await publish(there, low);
    }
    const top = await make(there, callingCanvas({ workflowId: low }, { workflowId: low, version: "v1.0.0" }));
    await publish(there, top);
    await there.api("PUT", `/${top}/draft`, { expectedRevision: 1, canvas: callingCanvas({ workflowId: low }) });
    const { status, json: task } = await copyTo(here, there, [top]);
    expect(status).toBe(200);
    expect(task).toMatchObject({
      status: "succeeded",
      mode: "copy",
      spaceId: here.id,
      sourceSpaceId: there.id,
      createdBy: ann.userId,
      error: null,
      progress: { total: 2, completed: 2, percent: 100, current: null },
      objects: [
        { name: "Low", sourceId: low, isNamed: false, status: "succeeded", isRemoved: false },
        { name: "Flow", sourceId: top, isNamed: true },
      ],
    });
    const [newLow, newTop] = [targetOf(task, low), targetOf(task, top)];
    const versions = async (id: string) =>
      (await here.api("GET", `/${id}/versions`)).json.items.map(({ version }: { version: string }) => version);
    expect([await versions(newLow), await versions(newTop)]).toEqual([["v1.0.2", "v1.0.0"], ["v1.0.0"]]);
    const calls = (await here.api("GET", `/${newTop}/versions/v1.0.0`)).json.calls;
    expect(calls).toEqual([
      { workflowId: newLow, nodeIds: ["call0"] },
      { workflowId: newLow, version: "v1.0.0", nodeIds: ["call1"] },
    ]);
    const draft = (await here.api("GET", `/${newTop}/draft`)).json;
    expect([draft.canvas.nodes[1].data.config.workflowId, draft.issues, draft.isModified]).toEqual([newLow, [], true]);
    expect((await here.api("GET", `/${newLow}/draft`)).json.isModified).toBe(false);
    expect((await here.api("GET", `/${newLow}`)).json).toMatchObject({
      ...{ name: "Low", tags: ["x"], status: "active", currentVersion: "v1.0.2", createdBy: ann.userId },
    });
    const title = async (version?: string) =>
      (await resolvePlan(inSpace(here), { workflowId: newLow, version })).plan.root.nodes[0]?.title;
    expect([await title(), await title("v1.0.0")]).toEqual(["new", "old"]);
    const { items } = (await here.api("GET", `/${newLow}/references`)).json;
    expect(items.map(({ workflowId, source }: Record<string, string>) => [workflowId, source])).toEqual([
      [newTop, "draft"],
      [newTop, "published"],
    ]);
    expect((await there.api("GET", `/${top}`)).json.name).toBe("Flow");
    expect((await copies(here.id, "GET", `/${task.id}`)).json).toEqual(task);
    expect((await copies(here.id, "GET")).json.items).toEqual([task]);
  });

  it("is possible inside a space, and of drafts that call each other in a circle", async () => {
    const space = await newSpace();
    const a = await make(space);
    const b = await make(space, callingCanvas({ workflowId: a }));
    await space.api("PUT", `/${a}/draft`, { expectedRevision: 1, canvas: callingCanvas({ workflowId: b }) });
    const { json: task } = await copies(space.id, "POST", "", { objects: objects(a) });
    expect(task).toMatchObject({ status: "succeeded", sourceSpaceId: space.id });
    expect(await list(space)).toHaveLength(4);
    const called = async (id: string) =>
      (await space.api("GET", `/${id}/draft`)).json.canvas.nodes[1].data.config.workflowId;
    expect(await called(targetOf(task, a))).toBe(targetOf(task, b));
    expect(await called(targetOf(task, b))).toBe(targetOf(task, a));
  });

  it("leaves what does not exist as it is, and keeps a foreign canvas for its export", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const unknown = "wfl_01jd0000000000000000000000";
    const id = await make(there, callingCanvas({ workflowId: unknown }));
    const coze = JSON.stringify({
      nodes: [
        { id: "100001", type: "1", data: { outputs: [{ name: "q", type: "string" }] } },
        { id: "900001", type: "2", data: { inputs: { terminatePlan: "returnVariables", inputParameters: [] } } },
      ],
      edges: [{ sourceNodeID: "100001", targetNodeID: "900001" }],
    });
    const foreign = await make(there, coze);
    const { json: task } = await copyTo(here, there, [id, foreign]);
    expect(task.status).toBe("succeeded");
    expect((await here.api("GET", `/${targetOf(task, id)}/draft`)).json.issues).toMatchObject([
      { code: "unknown_workflow" },
    ]);
    const exported = await here.api("GET", `/${targetOf(task, foreign)}/export?form=coze`);
    expect(exported.json.workflow.canvas).toBe(coze);
  });
});

describe("a move", () => {
  it("takes every version, the status and the name outside, and deletes the source", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const called = await make(there, echoCanvas(), { name: "Called" });
    await publish(there, called);
    const id = await make(there, callingCanvas({ workflowId: called }), { name: "Moves", isPublic: true });
    for (const version of ["v1.0.0", "v1.2.0", "v2.0.0"]) await publish(there, id, version);
    await there.api("PATCH", `/${id}/versions/v1.0.0`, { status: "deprecated" });
    const { revision } = (await there.api("GET", `/${id}`)).json;
    await there.api("PATCH", `/${id}`, { expectedRevision: revision, status: "paused" });
    const { status, json: task } = await move(here, there, [id]);
    expect([status, task.status, task.progress]).toEqual([
      200,
      "succeeded",
      { total: 3, completed: 3, percent: 100, current: null },
    ]);
    expect(task.objects.map(({ isRemoved }: { isRemoved: boolean }) => isRemoved)).toEqual([false, true]);
    const moved = targetOf(task, id);
    expect((await here.api("GET", `/${moved}`)).json).toMatchObject({
      ...{ name: "Moves", status: "paused", isPublic: true, currentVersion: "v2.0.0" },
    });
    const versions = (await here.api("GET", `/${moved}/versions`)).json.items;
    expect(versions.map(({ version, status: of }: Record<string, string>) => [version, of])).toEqual([
      ["v2.0.0", "active"],
      ["v1.2.0", "active"],
      ["v1.0.0", "deprecated"],
    ]);
    expect((await list(there)).map(({ name }: { name: string }) => name)).toEqual(["Called"]);
    expect((await list(there, "?state=deleted")).map(({ id: gone }: { id: string }) => gone)).toEqual([id]);
  });

  it("is refused while something that stays needs the object, and goes through with it", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const called = await make(there);
    const caller = await make(there, callingCanvas({ workflowId: called }), { name: "Caller" });
    const before = await allRows();
    const refused = await move(here, there, [called]);
    expect(refused.json.error).toMatchObject({
      code: "conflict",
      message: "Flow is needed by what stays: Caller",
      details: { id: called, users: [{ id: caller, name: "Caller" }] },
    });
    const made = (rows: Record<string, unknown>[]) => rows.filter((row) => row.__edb_e__ !== "operationlog");
    expect(made(await allRows())).toEqual(made(before));
    const { json: task } = await move(here, there, [called, caller]);
    expect(task.status).toBe("succeeded");
    expect([await list(there), (await list(here)).length]).toEqual([[], 2]);
  });

  it("ends with everything in both places where a caller turned up meanwhile", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const id = await make(there);
    const real = copyables.workflow.copy;
    vi.spyOn(copyables.workflow, "copy").mockImplementation(async (step) => {
      await real(step);
      await make(there, callingCanvas({ workflowId: id }), { name: "Late" });
    });
    const { json: task } = await move(here, there, [id]);
    expect(task).toMatchObject({
      status: "failed",
      error: { code: "conflict", details: { users: [{ name: "Late" }] } },
    });
    expect([(await list(there)).length, (await list(here)).length]).toEqual([2, 1]);
    const [late] = await list(there, "?q=Late");
    await there.api("DELETE", `/${late.id}`);
    const again = await copies(here.id, "POST", `/${task.id}/retry`);
    expect([again.status, again.json.status]).toEqual([200, "succeeded"]);
    expect([await list(there), (await list(here)).length]).toEqual([[], 1]);
  });
});

describe("from the library", () => {
  const fromLibrary = (target: Space, ids: string[], person: Person, more: object = {}) =>
    copies(target.id, "POST", "", { from: "library", objects: objects(...ids), ...more }, person);
  const privately = async () => spaceOf(await makePerson());
  const asking = (workflowId: string, version: string) => ({
    nodes: [
      { id: "start", type: "start", data: {} },
      {
        id: "ask",
        type: "http_request",
        data: { config: { url: "https://example.com", headers: [{ name: "X-Api-Key", value: "s3cr3t" }] } },
      },
      { id: "call", type: "sub_workflow", data: { config: { workflowId, version } } },
      { id: "end", type: "end", data: {} },
    ],
    edges: [
      { source: "start", target: "ask" },
      { source: "ask", target: "call" },
      { source: "call", target: "end" },
    ],
  });

  it("comes what is public, as a draft of one's own and without secrets", async () => {
    const theirs = await privately();
    const called = await make(theirs, echoCanvas(), { isPublic: true });
    for (const version of ["v1.0.0", "v1.1.0"]) await publish(theirs, called, version);
    const id = await make(theirs, asking(called, "v1.0.0"), { name: "Shared", isPublic: true });
    await publish(theirs, id);
    const mine = await newSpace();
    const { json: task, text } = await fromLibrary(mine, [id], ann);
    expect(task).toMatchObject({ status: "succeeded", from: "library", sourceSpaceId: null });
    expect(text).not.toContain(theirs.id);
    const copy = targetOf(task, id);
    expect((await mine.api("GET", `/${copy}`)).json).toMatchObject({
      status: "draft",
      isPublic: false,
      name: "Shared",
    });
    const { canvas, issues } = (await mine.api("GET", `/${copy}/draft`)).json;
    expect(canvas.nodes[2].data.config).toEqual({ workflowId: targetOf(task, called) });
    expect(issues).toMatchObject([{ code: "unpublished_workflow", severity: "warning" }]);
    expect(JSON.stringify(canvas)).not.toContain("s3cr3t");
  });

  it("comes nothing that is private, also where what is public calls it", async () => {
    const theirs = await privately();
    const called = await make(theirs, echoCanvas(), { name: "Private part" });
    await publish(theirs, called);
    const id = await make(theirs, callingCanvas({ workflowId: called }), { isPublic: true });
    await publish(theirs, id);
    const mine = await newSpace();
    expect((await fromLibrary(mine, [called], ann)).json.error.code).toBe("not_found");
    const { json: task, text } = await fromLibrary(mine, [id], ann);
    expect(task.objects).toHaveLength(1);
    expect(text).not.toContain("Private part");
    const { issues } = (await mine.api("GET", `/${targetOf(task, id)}/draft`)).json;
    expect(issues).toMatchObject([{ code: "unknown_workflow" }]);
  });

  it("nothing is moved, and no space is named", async () => {
    const mine = await newSpace();
    const id = await make(mine);
    const moved = await fromLibrary(mine, [id], ann, { mode: "move" });
    expect(moved.json.error.details.issues).toMatchObject([{ path: "mode" }]);
    const named = await fromLibrary(mine, [id], ann, { sourceSpaceId: mine.id });
    expect(named.json.error.details.issues).toMatchObject([{ path: "sourceSpaceId" }]);
  });
});

describe("error and security", () => {
  it("names what is wrong with the request, and makes nothing", async () => {
    const here = await newSpace();
    const id = await make(here);
    const bad = [
      {},
      { objects: [] },
      { objects: [{ kind: "planet", id }] },
      { objects: objects(id), mode: "steal" },
      { objects: objects(id), sourceSpaceId: "elsewhere" },
      { objects: objects(id), more: 1 },
      { objects: objects(id), mode: "move" },
    ];
    for (const body of bad) {
      expect((await copies(here.id, "POST", "", body)).json.error.code).toBe("invalid_input");
    }
    for (const missing of [newId("workflow"), "wfl_x", "../x"]) {
      expect((await copies(here.id, "POST", "", { objects: objects(missing) })).json.error.code).toBe("not_found");
    }
    expect((await copies(here.id, "GET")).json.items).toEqual([]);
    expect(await list(here)).toHaveLength(1);
  });

  it("takes nothing from a space that the caller is no member of, and puts nothing into one", async () => {
    const stranger = await makePerson();
    const target = await spaceOf(stranger);
    const strangers = target.id;
    const mine = await newSpace();
    const id = await make(mine, echoCanvas(), { name: "Secret plan" });
    for (const mode of ["copy", "move"]) {
      const taken = await copyTo(target, mine, [id], { mode }, stranger);
      expect([taken.status, taken.json.error.code]).toEqual([404, "not_found"]);
      const own = await copies(strangers, "POST", "", { objects: objects(id) }, stranger);
      expect([own.status, own.json.error.code]).toEqual([404, "not_found"]);
      const given = await copyTo(target, mine, [id], { mode });
      expect([given.status, given.json.error.code]).toEqual([404, "not_found"]);
      for (const { text } of [taken, own, given]) expect(text).not.toContain("Secret plan");
    }
    expect([await list(target), (await list(mine)).length]).toEqual([[], 1]);
    const { json: task } = await copies(mine.id, "POST", "", { objects: objects(id) });
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/cancel"],
      ["POST", "/retry"],
    ] as const) {
      expect((await copies(strangers, method, `/${task.id}${path}`, undefined, stranger)).status).toBe(404);
      expect((await copies(mine.id, method, `/${task.id}${path}`, undefined, stranger)).status).toBe(404);
    }
  });

  it("asks a key for the rights of both spaces", async () => {
    const [there, here] = [await newSpace(), await newSpace()];
    const id = await make(there);
    const attempt = async (scopes: string[], spaces?: string[], mode = "copy") =>
      (await copyTo(here, there, [id], { mode }, await withKey(ann, scopes, spaces))).json;
    const lacks = async (scopes: string[], permission: string, mode?: string) =>
      expect((await attempt(scopes, undefined, mode)).error.details).toEqual({ permission });
    await lacks(["workflow:*"], "copy:write");
    await lacks(["copy:*", "workflow:write"], "workflow:read");
    await lacks(["copy:*", "workflow:read"], "workflow:write");
    await lacks(["copy:*", "workflow:read", "workflow:write"], "workflow:delete", "move");
    expect((await attempt(["*"], [here.id])).error.code).toBe("not_found");
    expect((await attempt(["*"], [there.id])).error.code).toBe("not_found");
    expect((await attempt(["copy:write", "workflow:read", "workflow:write"])).status).toBe("succeeded");
    expect((await attempt(["*"], [here.id, there.id], "move")).status).toBe("succeeded");
  });
});
