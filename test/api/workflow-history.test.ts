import { resolvePlan } from "@weft/core/workflow/workflow.plans";
import { acquire, unlock } from "@weft/db/lock";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { callApi } from "../support/call.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace, type Person } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas, echoCanvas, type WorkflowApi, workflowApi } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let ann: Person;
let spaceId: Id<"space">;
let api: WorkflowApi;
let ctx: Ctx;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  ann = await makePerson();
  spaceId = await makeSpace([{ person: ann, role: "owner" }]);
  api = workflowApi(handler, spaceId, ann);
  ctx = systemCtx("test", { spaceId });
});
afterAll(async () => {
  await table.close();
  await files.close();
});

const make = async (canvas: unknown = echoCanvas(), more: object = {}) =>
  (await api("POST", "", { name: "Flow", canvas, ...more })).json;
const publish = (id: string, body: object = {}) => api("POST", `/${id}/publish`, { force: true, ...body });
const save = (id: string, expectedRevision: number, canvas: unknown) =>
  api("PUT", `/${id}/draft`, { expectedRevision, canvas });
const status = async (id: string, to: string) => {
  const { revision } = (await api("GET", `/${id}`)).json;
  return api("PATCH", `/${id}`, { expectedRevision: revision, status: to });
};
const withInput = (name: string, extra: object = {}) => {
  const canvas = echoCanvas();
  canvas.nodes[0]?.data.outputs?.push({ name, type: "string", ...extra });
  return canvas;
};

describe("differences", () => {
  it("are shown between versions, the draft and what was put by", async () => {
    const { id } = await make();
    expect((await api("GET", `/${id}/diff`)).json.error.code).toBe("unprocessable");
    await publish(id);
    expect((await api("GET", `/${id}/diff`)).json).toMatchObject({ from: "v1.0.0", to: "draft", isSame: true });
    await save(id, 1, withInput("more", { required: true }));
    const { json } = await api("GET", `/${id}/diff?from=v1.0.0&to=draft`);
    expect(json).toMatchObject({
      isSame: false,
      isLayoutOnly: false,
      nodes: { added: [], removed: [], changed: [{ id: "start", changes: [{ pointer: "/data/outputs/1" }] }] },
      inputs: [{ name: "more", kind: "added", to: { required: true } }],
      breaking: [{ path: "inputs.more", message: "has to be given" }],
    });
    expect(json.markdown).toContain("## Breaking for callers");
    const snapshot = (await api("POST", `/${id}/snapshots`, { name: "with more" })).json;
    const { commitId } = await resolvePlan(ctx, { workflowId: id, version: "draft" });
    for (const side of [snapshot.id, commitId]) {
      const same = (await api("GET", `/${id}/diff?from=${side}&to=draft`)).json;
      expect([same.from, same.isSame]).toEqual([side, true]);
    }
    const other = await make();
    expect((await api("GET", `/${other.id}/diff?from=${snapshot.id}`)).status).toBe(404);
    expect((await api("GET", `/${id}/diff?from=v9.0.0`)).status).toBe(404);
    expect((await api("GET", `/${id}/diff?from=latest`)).json.error.code).toBe("invalid_input");
  });
});

describe("publishing", () => {
  it("says what differs for callers, and who follows the latest version", async () => {
    const called = await make();
    const first = (await publish(called.id)).json;
    expect([first.breaking, first.callers, first.status]).toEqual([[], [], "active"]);
    const follower = await make(callingCanvas({ workflowId: called.id }), { name: "Follower" });
    const pinned = await make(callingCanvas({ workflowId: called.id, version: "v1.0.0" }), { name: "Pinned" });
    for (const { id } of [follower, pinned]) expect((await publish(id)).status).toBe(201);
    await save(called.id, 1, withInput("more", { required: true }));
    const second = (await publish(called.id)).json;
    expect(second.breaking).toMatchObject([{ path: "inputs.more" }]);
    expect(second.callers).toMatchObject([{ workflowId: follower.id, name: "Follower", calls: [{}] }]);
    const { items } = (await api("GET", `/${called.id}/references`)).json;
    expect(items.filter(({ source }: { source: string }) => source === "published")).toMatchObject([
      { workflowId: follower.id, calls: [{ nodeIds: ["call0"] }] },
      { workflowId: pinned.id, calls: [{ version: "v1.0.0", nodeIds: ["call0"] }] },
    ]);
  });

  it("marks versions as deprecated, and warns who calls them by name", async () => {
    const called = await make();
    await publish(called.id, { description: "first" });
    const path = `/${called.id}/versions/v1.0.0`;
    const marked = await api("PATCH", path, { status: "deprecated", description: "use the next" });
    expect(marked.json).toMatchObject({ status: "deprecated", description: "use the next" });
    expect((await api("GET", path)).json).toMatchObject({ status: "deprecated", description: "use the next" });
    const caller = await make(callingCanvas({ workflowId: called.id, version: "v1.0.0" }, { workflowId: called.id }));
    expect(caller.issues).toMatchObject([{ code: "deprecated_workflow", nodeId: "call0", severity: "warning" }]);
    expect((await publish(caller.id)).status).toBe(201);
    expect((await resolvePlan(ctx, { workflowId: called.id, version: "v1.0.0" })).version).toBe("v1.0.0");
    expect((await api("PATCH", path, { status: "active" })).json.status).toBe("active");
    expect((await api("POST", `/${caller.id}/validate`, {})).json.issues).toEqual([]);
    expect((await api("PATCH", `/${called.id}/versions/v3.0.0`, { status: "active" })).status).toBe(404);
    expect((await api("PATCH", path, { status: "gone" })).json.error.code).toBe("invalid_input");
  });

  it("lets no two who publish at once close a circle", async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = [await make(), await make()];
      await Promise.all([publish(a.id), publish(b.id)]);
      await save(a.id, 1, callingCanvas({ workflowId: b.id }));
      await save(b.id, 1, callingCanvas({ workflowId: a.id }));
      const answers = await Promise.all([publish(a.id), publish(b.id)]);
      expect(answers.map(({ status: code }) => code).sort()).toEqual([201, 422]);
      const refused = answers.find(({ status: code }) => code === 422);
      expect(refused?.json.error.details.issues).toMatchObject([{ code: "workflow_cycle" }]);
    }
  });

  it("waits for its turn only where it calls others, and says so when that does not come", async () => {
    const [plain, called] = [await make(), await make()];
    await publish(called.id);
    const caller = await make(callingCanvas({ workflowId: called.id }));
    const held = await acquire(systemClock, { scope: spaceId, name: "publish" }, { ttlMs: 60_000 });
    expect((await publish(plain.id)).status).toBe(201);
    const waiting = publish(caller.id);
    expect((await publish(called.id)).status).toBe(201);
    expect((await api("GET", `/${caller.id}/versions`)).json.items).toEqual([]);
    if (held) await unlock(held);
    expect((await waiting).status).toBe(201);
  });
});

describe("snapshots", () => {
  it("put a draft by with its viewport and what its editors share, and bring it back", async () => {
    const viewport = { x: 5, y: -3, zoom: 0.5 };
    const { id } = await make({ ...echoCanvas("one"), viewport });
    const state = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 256)).toString("base64");
    const made = await api("POST", `/${id}/snapshots`, { name: "Before", collaborationState: state });
    expect(made.status).toBe(201);
    const { commitId } = (await api("GET", `/${id}/draft`)).json;
    expect(made.json).toMatchObject({ workflowId: id, name: "Before", commitId, hasCollaborationState: true });
    await save(id, 1, echoCanvas("two"));
    const path = `/${id}/snapshots/${made.json.id}`;
    const kept = (await api("GET", path)).json;
    expect(kept).toMatchObject({ viewport, collaborationState: state });
    expect(kept.canvas.nodes[0].data.label).toBe("one");
    expect((await api("POST", `${path}/restore`, { expectedRevision: 1 })).json.error.code).toBe("conflict");
    expect((await api("POST", `${path}/restore`, { expectedRevision: 2 })).json.revision).toBe(3);
    const draft = (await api("GET", `/${id}/draft`)).json;
    expect([draft.canvas.viewport, draft.canvas.nodes[0].data.label]).toEqual([viewport, "one"]);
    expect((await api("DELETE", path)).status).toBe(204);
    expect((await api("GET", path)).status).toBe(404);
    expect((await api("DELETE", path)).status).toBe(404);
  });

  it("are listed newest first and kept as many as the settings say", async () => {
    const { id } = await make(echoCanvas(), { settings: { snapshotsKept: 3 } });
    const viewport = { x: 1, y: 1, zoom: 1 };
    for (const n of [1, 2, 3, 4, 5]) {
      const body = { name: `s${n}`, collaborationState: "x".repeat(150_000), viewport };
      expect((await api("POST", `/${id}/snapshots`, body)).status).toBe(201);
    }
    const page = (await api("GET", `/${id}/snapshots?limit=2`)).json;
    expect(page.items.map(({ name }: { name: string }) => name)).toEqual(["s5", "s4"]);
    const rest = (await api("GET", `/${id}/snapshots?cursor=${encodeURIComponent(page.nextCursor)}`)).json;
    expect(rest.items.map(({ name }: { name: string }) => name)).toEqual(["s3"]);
    expect((await api("GET", `/${id}/snapshots/${page.items[0].id}`)).json.viewport).toEqual(viewport);
    expect((await api("GET", `/${id}/draft`)).json.canvas.viewport).toBeUndefined();
    const rows = (await allRows()).filter((row) => row.snapshotId !== undefined && row.workflowId === id);
    expect(rows).toHaveLength(3);
  });

  it("name what is wrong, and keep nothing of it", async () => {
    const { id } = await make();
    const bad = [{}, { name: " " }, { name: "x", viewport: { x: 1 } }, { name: "x", collaborationState: 7 }];
    for (const body of bad) {
      expect((await api("POST", `/${id}/snapshots`, body)).json.error.code).toBe("invalid_input");
    }
    const tooLarge = { name: "x", collaborationState: "x".repeat(3 * 1024 * 1024 + 1) };
    expect((await api("POST", `/${id}/snapshots`, tooLarge)).json.error.message).toContain("collaborationState");
    expect((await api("GET", `/${id}/snapshots`)).json.items).toEqual([]);
    const other = await make();
    const { id: snapshotId } = (await api("POST", `/${other.id}/snapshots`, { name: "theirs" })).json;
    expect((await api("GET", `/${id}/snapshots/${snapshotId}`)).status).toBe(404);
  });

  it("keep the viewport through export and import", async () => {
    const viewport = { x: -40, y: 12.5, zoom: 1.25 };
    const { id } = await make({ ...echoCanvas(), viewport });
    const { workflow } = (await api("GET", `/${id}/export`)).json;
    const again = (await api("POST", "/import", workflow)).json;
    expect((await api("GET", `/${again.id}/draft`)).json.canvas.viewport).toEqual(viewport);
    const { package: packed } = (await api("GET", `/${id}/package`)).json;
    const third = (await api("POST", "/import", { canvas: packed })).json;
    expect((await api("GET", `/${third.id}/draft`)).json.canvas.viewport).toEqual(viewport);
  });
});

describe("status", () => {
  it("changes as its table says, and in no other way", async () => {
    const { id } = await make();
    expect((await status(id, "paused")).json.error).toMatchObject({
      code: "unprocessable",
      details: { status: "draft", allowed: ["archived"] },
    });
    expect((await status(id, "archived")).json.status).toBe("archived");
    expect((await status(id, "active")).json.error.code).toBe("unprocessable");
    expect((await status(id, "draft")).json.status).toBe("draft");
    await publish(id);
    expect((await status(id, "draft")).json.error.code).toBe("unprocessable");
    for (const to of ["paused", "active", "archived", "paused", "archived", "active"]) {
      expect((await status(id, to)).json.status).toBe(to);
    }
  });

  it("paused, a workflow starts no version and its draft can be tried", async () => {
    const { id } = await make();
    await publish(id);
    await status(id, "paused");
    const refused = { code: "unprocessable", details: { status: "paused" } };
    await expect(resolvePlan(ctx, { workflowId: id })).rejects.toMatchObject(refused);
    await expect(resolvePlan(ctx, { workflowId: id, version: "v1.0.0" })).rejects.toMatchObject(refused);
    expect((await resolvePlan(ctx, { workflowId: id, version: "draft" })).version).toBeNull();
    expect((await publish(id)).status).toBe(201);
    expect((await api("GET", `/${id}`)).json.status).toBe("paused");
  });

  it("archived, it is there to be read and taken back, and for nothing else", async () => {
    const { id } = await make();
    await publish(id);
    const snapshot = (await api("POST", `/${id}/snapshots`, { name: "s" })).json;
    await status(id, "archived");
    const { revision } = (await api("GET", `/${id}`)).json;
    const calls = [
      save(id, 1, echoCanvas("late")),
      publish(id),
      api("POST", `/${id}/versions/v1.0.0/rollback`, { expectedRevision: 1 }),
      api("PATCH", `/${id}/versions/v1.0.0`, { description: "late" }),
      api("POST", `/${id}/snapshots`, { name: "late" }),
      api("POST", `/${id}/snapshots/${snapshot.id}/restore`, { expectedRevision: 1 }),
      api("DELETE", `/${id}/snapshots/${snapshot.id}`),
      api("PATCH", `/${id}`, { expectedRevision: revision, name: "late" }),
    ];
    for (const call of calls) {
      expect((await call).json.error).toMatchObject({ code: "conflict", details: { status: "archived" } });
    }
    for (const version of [undefined, "draft"]) {
      await expect(resolvePlan(ctx, { workflowId: id, version })).rejects.toMatchObject({ code: "unprocessable" });
    }
    expect((await api("GET", `/${id}/draft`)).status).toBe(200);
    expect((await api("POST", `/${id}/duplicate`, {})).json.status).toBe("draft");
    const back = await api("PATCH", `/${id}`, { expectedRevision: revision, name: "back", status: "active" });
    expect(back.json).toMatchObject({ name: "back", status: "active" });
    expect((await save(id, 1, echoCanvas("again"))).status).toBe(200);
  });

  it("and tags find workflows, without case and accents", async () => {
    const list = workflowApi(handler, await makeSpace([{ person: ann, role: "owner" }]), ann);
    const ids: string[] = [];
    for (const [name, tags] of [
      ["One", ["Ünïcode", "billing"]],
      ["Two", ["unicode"]],
      ["Three", ["unicodes"]],
    ] as const) {
      ids.push((await list("POST", "", { name, tags })).json.id);
    }
    const names = async (query: string) =>
      (await list("GET", query)).json.items.map(({ name }: { name: string }) => name);
    expect(await names("?tag=UNICODE")).toEqual(["Two", "One"]);
    expect(await names("?q=Bill")).toEqual(["One"]);
    await list("PATCH", `/${ids[1]}`, { expectedRevision: 1, status: "archived" });
    expect(await names("?status=archived")).toEqual(["Two"]);
    expect(await names("?status=draft")).toEqual(["Three", "One"]);
    await list("DELETE", `/${ids[0]}`);
    expect(await names("?state=deleted")).toEqual(["One"]);
  });
});

describe("the library", () => {
  const library = (path = "", person?: Person) =>
    callApi(handler, {
      path: `/api/library/workflows${path}`,
      ...(person ? { authorizer: person.authorizer } : {}),
    });
  const secretive = () => ({
    nodes: [
      { id: "start", type: "start", data: {} },
      {
        id: "ask",
        type: "http_request",
        data: {
          config: { url: "https://example.com", headers: [{ name: "Authorization", value: "Bearer s3cr3t" }] },
        },
      },
      { id: "end", type: "end", data: {} },
    ],
    edges: [
      { source: "start", target: "ask" },
      { source: "ask", target: "end" },
    ],
  });

  it("shows the published version of what is public to everybody with an account, without its space", async () => {
    const stranger = await makePerson();
    const { id } = await make(secretive(), { name: "Shared weather", tags: ["Wetter"], isPublic: true });
    expect((await library(`/${id}`, stranger)).status).toBe(404);
    await publish(id);
    await save(id, 1, echoCanvas("private draft"));
    const found = await library("?q=weather&tag=wetter", stranger);
    expect(found.json.items).toMatchObject([{ id, name: "Shared weather", version: "v1.0.0" }]);
    const one = await library(`/${id}`, stranger);
    expect(one.json).toMatchObject({ id, version: "v1.0.0", nodeCount: 3 });
    expect(one.json.canvas.nodes.map(({ type }: { type: string }) => type)).toEqual(["start", "http_request", "end"]);
    for (const { text } of [found, one]) {
      expect(text).not.toMatch(/s3cr3t|private draft/);
      expect(text).not.toContain(spaceId);
      expect(text).not.toContain(ann.userId);
    }
    const direct = workflowApi(handler, spaceId, stranger);
    for (const path of ["", "/draft", "/versions/v1.0.0", "/export"]) {
      expect((await direct("GET", `/${id}${path}`)).status).toBe(404);
    }
    expect((await direct("POST", `/${id}/run`, {})).status).toBe(404);
    expect((await library(`/${id}`)).status).toBe(401);
  });

  it("loses what is private, archived or deleted again, and finds it when it comes back", async () => {
    const { id } = await make(echoCanvas(), { isPublic: true });
    await publish(id);
    const isThere = async () => (await library(`/${id}`, ann)).status === 200;
    const isListed = async () =>
      (await library("?limit=100", ann)).json.items.some((item: { id: string }) => item.id === id);
    const seen = async () => [await isThere(), await isListed()];
    const patch = async (change: object) => {
      const { revision } = (await api("GET", `/${id}`)).json;
      expect((await api("PATCH", `/${id}`, { expectedRevision: revision, ...change })).status).toBe(200);
    };
    expect(await seen()).toEqual([true, true]);
    await patch({ isPublic: false });
    expect(await seen()).toEqual([false, false]);
    await patch({ isPublic: true });
    expect(await seen()).toEqual([true, true]);
    await patch({ status: "archived" });
    expect(await seen()).toEqual([false, false]);
    await patch({ status: "paused" });
    expect(await seen()).toEqual([true, true]);
    await api("DELETE", `/${id}`);
    expect(await seen()).toEqual([false, false]);
    await api("POST", `/${id}/restore`);
    expect(await seen()).toEqual([true, true]);
  });
});
