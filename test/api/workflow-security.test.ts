import { listSpaceOperations } from "@weft/core/audit/audit.service";
import type { Route } from "@weft/http/route";
import { systemCtx } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { routes } from "../../functions/workflow/routes.ts";
import { callApi } from "../support/call.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace, type Person, withKey } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas, echoCanvas, workflowApi } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let owner: Person;
let admin: Person;
let member: Person;
let stranger: Person;
let spaceId: string;
let otherSpace: string;
let id: string;
let commitId: string;
let snapshotId: string;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  [owner, admin, member, stranger] = await Promise.all([makePerson(), makePerson(), makePerson(), makePerson()]);
  spaceId = await makeSpace([
    { person: owner, role: "owner" },
    { person: admin, role: "admin" },
    { person: member, role: "member" },
  ]);
  otherSpace = await makeSpace([{ person: stranger, role: "owner" }]);
  const api = workflowApi(handler, spaceId, owner);
  id = (await api("POST", "", { name: "Secret plan", canvas: echoCanvas() })).json.id;
  commitId = (await api("GET", `/${id}/draft`)).json.commitId;
  await api("POST", `/${id}/publish`, { force: true });
  snapshotId = (await api("POST", `/${id}/snapshots`, { name: "before" })).json.id;
});
afterAll(async () => {
  await table.close();
  await files.close();
});

const own = routes.filter((route) => route.tags?.includes("workflows"));
/** Bodies that would be good, so that nothing but the caller is a reason to refuse. */
const BODY: Record<string, () => unknown> = {
  createWorkflow: () => ({ name: "x" }),
  importWorkflow: () => ({ name: "x", canvas: echoCanvas() }),
  updateWorkflow: () => ({ expectedRevision: 2, name: "x" }),
  duplicateWorkflow: () => ({}),
  saveWorkflowDraft: () => ({ expectedRevision: 1, canvas: echoCanvas() }),
  validateWorkflow: () => ({}),
  publishWorkflow: () => ({ force: true }),
  rollbackWorkflowDraft: () => ({ expectedRevision: 1 }),
  updateWorkflowVersion: () => ({ status: "deprecated" }),
  createWorkflowSnapshot: () => ({ name: "x" }),
  restoreWorkflowSnapshot: () => ({ expectedRevision: 1 }),
};

function call(route: Route, space: string, person?: Person) {
  const values: Record<string, string> = { spaceId: space, workflowId: id, commitId, snapshotId, version: "v1.0.0" };
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
  const body = BODY[route.operationId]?.();
  const authorizer = person ? { authorizer: person.authorizer } : {};
  return callApi(handler, { method: route.method, path, ...(body ? { body } : {}), ...authorizer });
}

describe("every route", () => {
  it.each(own.map((route) => [route.operationId, route] as const))("%s", async (_name, route) => {
    const before = await allRows();
    const nobody = await call(route, spaceId);
    expect([nobody.status, nobody.json.error.code]).toEqual([401, "unauthenticated"]);
    const outsider = await call(route, spaceId, stranger);
    expect([outsider.status, outsider.json.error.code]).toEqual([404, "not_found"]);
    const nowhere = await call(route, newId("space"), stranger);
    expect([nowhere.status, nowhere.json.error.code]).toEqual([404, "not_found"]);
    expect(outsider.text).not.toContain("Secret plan");
    expect(await allRows()).toEqual(before);
  });

  it.each(
    own.filter((route) => route.path.includes("{workflowId}")).map((route) => [route.operationId, route] as const),
  )("%s finds nothing of another space in one's own", async (_name, route) => {
    const before = await allRows();
    const answer = await call(route, otherSpace, stranger);
    expect([answer.status, answer.json.error.code]).toEqual([404, "not_found"]);
    expect(await allRows()).toEqual(before);
  });

  it.each(own.map((route) => [route.operationId, route] as const))(
    "%s asks its permission of a key",
    async (_n, route) => {
      const others = ["workflow:read", "workflow:write", "workflow:publish", "workflow:run"].filter(
        (scope) => scope !== route.permission,
      );
      const before = await allRows();
      const answer = await call(route, spaceId, await withKey(owner, others));
      expect([answer.status, answer.json.error.details]).toEqual([403, { permission: route.permission }]);
      const elsewhere = await call(route, spaceId, await withKey(owner, [String(route.permission)], [otherSpace]));
      expect([elsewhere.status, elsewhere.json.error.code]).toEqual([404, "not_found"]);
      const withoutKeys = (rows: Record<string, unknown>[]) => rows.filter((row) => row.__edb_e__ !== "apikey");
      expect(withoutKeys(await allRows())).toEqual(withoutKeys(before));
    },
  );
});

describe("within a space", () => {
  it.each([
    ["owner", () => owner],
    ["admin", () => admin],
    ["member", () => member],
  ])("the %s draws, publishes and removes", async (_role, person) => {
    const api = workflowApi(handler, spaceId, person());
    const made = await api("POST", "", { name: "Mine" });
    expect(made.status).toBe(201);
    expect(made.json.createdBy).toBe(person().userId);
    expect((await api("POST", `/${made.json.id}/publish`, { force: true })).status).toBe(201);
    expect((await api("DELETE", `/${made.json.id}`)).status).toBe(204);
  });

  it("a key does what its scopes say in the spaces that it names", async () => {
    const reader = workflowApi(handler, spaceId, await withKey(member, ["workflow:read"], [spaceId]));
    expect((await reader("GET", `/${id}`)).status).toBe(200);
    const writer = workflowApi(handler, spaceId, await withKey(member, ["workflow:write"], [spaceId]));
    expect((await writer("POST", "", { name: "By key" })).status).toBe(201);
  });
});

describe("ids in bodies", () => {
  it("a workflow of another space cannot be called, bound or told from one that does not exist", async () => {
    const api = workflowApi(handler, otherSpace, stranger);
    const missing = newId("workflow");
    const issuesOf = async (workflowId: string) => {
      const { json } = await api("POST", "", { name: "Spy", canvas: callingCanvas({ workflowId }) });
      return JSON.stringify(json.issues).replaceAll(workflowId, "ID");
    };
    expect(await issuesOf(id)).toBe(await issuesOf(missing));
    expect(await issuesOf(id)).toContain("unknown_workflow");
    const bindings = { workflows: { "77": id } };
    const bound = await api("POST", "/import", { name: "Spy", canvas: callingCanvas({ workflowId: "77" }), bindings });
    expect(bound.json.issues).toMatchObject([{ code: "unknown_workflow" }]);
    const calls = (await api("GET", `/${bound.json.id}/references?direction=calls`)).json.items;
    expect(calls).toMatchObject([{ workflowId: id, name: null }]);
    const refused = await api("POST", `/${bound.json.id}/publish`, { force: true });
    expect(refused.status).toBe(422);
    const callers = (await workflowApi(handler, spaceId, owner)("GET", `/${id}/references`)).json.items;
    expect(callers).toEqual([]);
  });
});

describe("the operation log", () => {
  it("has a row of a change, with what it was of and whether it was let through", async () => {
    const api = workflowApi(handler, spaceId, owner);
    const made = (await api("POST", "", { name: "Logged" })).json;
    await api("PATCH", `/${made.id}`, { expectedRevision: 9, name: "x" });
    const where = spaceId as Id<"space">;
    const query = { targetId: made.id, limit: 20 };
    const { items } = await listSpaceOperations(systemCtx("test", { spaceId: where }), where, query);
    const rows = items.map(({ operation, status }) => [operation, status]);
    expect(rows.sort()).toEqual([
      ["createWorkflow", 201],
      ["updateWorkflow", 409],
    ]);
  });

  it("has a row of every call that changes something", () => {
    const quiet = own.filter((route) => route.method !== "GET" && !route.audit).map((route) => route.operationId);
    expect(quiet).toEqual(["validateWorkflow"]);
  });
});
