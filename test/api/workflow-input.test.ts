import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas, echoCanvas, type WorkflowApi, workflowApi } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let api: WorkflowApi;
let id: string;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  const ann = await makePerson();
  api = workflowApi(handler, await makeSpace([{ person: ann, role: "owner" }]), ann);
  id = (await api("POST", "", { name: "Flow", canvas: echoCanvas() })).json.id;
  await api("POST", `/${id}/publish`, { force: true });
});
afterAll(async () => {
  await table.close();
  await files.close();
});

interface Node {
  id: string;
  type: string;
  data: Record<string, unknown>;
}
const node = (nodeId: string, type: string, data: Record<string, unknown> = {}): Node => ({ id: nodeId, type, data });
const edge = (source: string, target: string) => ({ source, target });
const concat = (nodeId: string, ref?: string) =>
  node(nodeId, "text", {
    config: { method: "concat", template: "{{a}}" },
    inputs: [{ name: "a", type: "string", ...(ref === undefined ? { value: "x" } : { ref }) }],
  });
const between = (nodes: Node[], edges: object[]) => ({
  nodes: [node("start", "start"), ...nodes, node("end", "end")],
  edges,
});
const nested = (depth: number): Node =>
  depth === 0
    ? concat("deep")
    : node(`loop${depth}`, "loop", {
        config: { mode: "count", count: 1 },
        body: { nodes: [nested(depth - 1)], edges: [] },
      });

const CANVASES: [name: string, canvas: unknown, named: RegExp][] = [
  [
    "a circle",
    between([concat("a"), concat("b")], [edge("start", "a"), edge("a", "b"), edge("b", "a"), edge("b", "end")]),
    /^(nodes|edges)\.[ab]/,
  ],
  ["an edge from nowhere", between([], [edge("start", "end"), edge("ghost", "end")]), /^edges\./],
  ["an edge to nowhere", between([], [edge("start", "end"), edge("start", "ghost")]), /^edges\./],
  [
    "an unknown node type",
    between([node("odd", "teleport")], [edge("start", "odd"), edge("odd", "end")]),
    /^nodes\.odd/,
  ],
  [
    "two nodes of one id",
    between([concat("twin"), concat("twin")], [edge("start", "twin"), edge("twin", "end")]),
    /^nodes\.twin/,
  ],
  [
    "5,000 nodes",
    between(
      Array.from({ length: 5_000 }, (_, n) => concat(`n${n}`)),
      [edge("start", "end")],
    ),
    /^nodes/,
  ],
  ["50 loops in each other", between([nested(50)], [edge("start", "loop50"), edge("loop50", "end")]), /^nodes\.loop/],
  [
    "a reference to nothing",
    between([concat("a", "ghost.text")], [edge("start", "a"), edge("a", "end")]),
    /^nodes\.a\.data\.inputs/,
  ],
  [
    "a reference to an unreachable node",
    between([concat("a", "island.output"), concat("island")], [edge("start", "a"), edge("a", "end")]),
    /^nodes\.a\.data\.inputs/,
  ],
  [
    "calls of 46 workflows",
    callingCanvas(...Array.from({ length: 46 }, (_, n) => ({ workflowId: `w${n}` }))),
    /^canvas/,
  ],
  ["a node without a type", between([{ id: "bare", data: {} } as unknown as Node], []), /^nodes\.bare/],
  ["an unknown field of a node", between([{ ...concat("a"), extra: 1 } as Node], []), /^nodes\.a\.extra/],
  ["an id that is a path", between([concat("a/b")], []), /^nodes\./],
  ["no canvas at all", "[1, 2]", /./],
  ["text that is no JSON", "{nodes", /./],
  ["null", null, /./],
];

const refuses = async (call: () => ReturnType<WorkflowApi>, named: RegExp) => {
  const before = await allRows();
  const { status, json } = await call();
  expect([400, 413, 422]).toContain(status);
  const { issues } = (json.error.details ?? {}) as { issues?: { path: string }[] };
  expect(issues?.map((issue) => issue.path).join(" ") || json.error.message).toMatch(named);
  expect(await allRows()).toEqual(before);
};

describe("a bad canvas is refused by name and nothing is written", () => {
  describe.each(CANVASES)("%s", (_name, canvas, named) => {
    it("on create, import and save", async () => {
      await refuses(() => api("POST", "", { name: "Bad", canvas }), named);
      await refuses(() => api("POST", "/import", { name: "Bad", canvas }), named);
      await refuses(() => api("PUT", `/${id}/draft`, { expectedRevision: 1, canvas }), named);
    });
  });

  it("keeps what drawing passes through where the caller asks, and says what is wrong", async () => {
    const canvas = between([concat("a", "ghost.text")], [edge("start", "a"), edge("a", "end")]);
    const made = await api("POST", "", { name: "Half done", canvas, allowErrors: true });
    expect(made.status).toBe(201);
    expect(made.json.issues).toMatchObject([{ code: "bad_reference", nodeId: "a", severity: "error" }]);
    const draft = (await api("GET", `/${made.json.id}/draft`)).json;
    expect([draft.isValid, draft.issues]).toEqual([false, made.json.issues]);
    const published = await api("POST", `/${made.json.id}/publish`, { force: true });
    expect([published.status, published.json.error.details.issues]).toEqual([422, made.json.issues]);
    const twins = between([concat("twin"), concat("twin")], [edge("start", "twin"), edge("twin", "end")]);
    expect((await api("POST", "", { name: "Never", canvas: twins, allowErrors: true })).status).toBe(400);
  });
});

const BODIES: [name: string, method: string, path: () => string, body: unknown, named: RegExp][] = [
  ["malformed JSON", "POST", () => "", '{"name": "x",', /malformed|body/],
  ["no name", "POST", () => "", {}, /^name/],
  ["a name of blanks", "POST", () => "", { name: "   " }, /^name/],
  ["a name of the wrong type", "POST", () => "", { name: 7 }, /^name/],
  ["a name too long", "POST", () => "", { name: "x".repeat(256) }, /^name/],
  ["a description too long", "POST", () => "", { name: "x", description: "x".repeat(4_001) }, /^description/],
  ["too many tags", "POST", () => "", { name: "x", tags: Array(21).fill("t") }, /^tags/],
  ["too much metadata", "POST", () => "", { name: "x", metadata: manyKeys(51) }, /^metadata/],
  ["an unknown field", "POST", () => "", { name: "x", colour: "red" }, /^colour/],
  ["an unknown setting", "POST", () => "", { name: "x", settings: { fast: true } }, /^settings\.fast/],
  ["a slice too long", "POST", () => "", { name: "x", settings: { sliceSeconds: 61 } }, /^settings\.sliceSeconds/],
  ["a timeout of nothing", "POST", () => "", { name: "x", settings: { timeoutSeconds: 0 } }, /^settings\.timeoutS/],
  ["an import without a canvas", "POST", () => "/import", { name: "x" }, /canvas/],
  [
    "a binding to no id",
    "POST",
    () => "/import",
    { name: "x", canvas: echoCanvas(), bindings: { workflows: { "7": "x#y" } } },
    /^bindings\.workflows\.7/,
  ],
  ["an update without a revision", "PATCH", () => `/${id}`, { name: "x" }, /^expectedRevision/],
  ["a status that is not set", "PATCH", () => `/${id}`, { expectedRevision: 2, status: "draft" }, /^status/],
  ["a save without a canvas", "PUT", () => `/${id}/draft`, { expectedRevision: 1 }, /canvas/],
  ["a revision of text", "PUT", () => `/${id}/draft`, { expectedRevision: "1", canvas: echoCanvas() }, /^expectedRev/],
  ["a version that is none", "POST", () => `/${id}/publish`, { version: "1.0" }, /^version/],
  ["an id of another kind", "GET", () => "/exe_01jd0000000000000000000000", undefined, /^workflowId/],
  ["an id in upper case", "GET", () => `/${id.toUpperCase()}`, undefined, /^workflowId/],
  ["an unknown query", "GET", () => "?sort=name", undefined, /^sort/],
  ["an unknown state", "GET", () => "?state=lost", undefined, /^state/],
  ["a page too large", "GET", () => "?limit=101", undefined, /^limit/],
  ["a form that is none", "GET", () => `/${id}/export?form=n8n`, undefined, /^form/],
];

function manyKeys(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, "v"]));
}

describe("bad bodies, paths and queries", () => {
  it.each(BODIES)("%s", async (_name, method, path, body, named) => {
    await refuses(() => api(method, path(), body, { "content-type": "application/json" }), named);
  });

  it("a body over 4 MiB is too large, and another media type is refused", async () => {
    const before = await allRows();
    const large = await api("PUT", `/${id}/draft`, { expectedRevision: 1, canvas: { note: "x".repeat(4_300_000) } });
    expect([large.status, large.json.error.code]).toEqual([413, "too_large"]);
    const text = await api("POST", "", "name=x", { "content-type": "application/x-www-form-urlencoded" });
    expect([text.status, text.json.error.code]).toEqual([415, "unsupported_media_type"]);
    expect(await allRows()).toEqual(before);
  });

  it("a version that is none is not found", async () => {
    for (const version of ["latest", "1.0.0", "v01.0.0", "v9.9.9"]) {
      expect((await api("GET", `/${id}/versions/${version}`)).status).toBe(404);
      const back = await api("POST", `/${id}/versions/${version}/rollback`, { expectedRevision: 1 });
      expect([back.status, back.json.error.code]).toEqual([404, "not_found"]);
    }
  });

  it("a revision that is not the current one is a conflict that names it", async () => {
    const before = await allRows();
    const save = await api("PUT", `/${id}/draft`, { expectedRevision: 9, canvas: echoCanvas("other") });
    expect([save.status, save.json.error.details]).toEqual([409, { revision: 1, expectedRevision: 9 }]);
    const change = await api("PATCH", `/${id}`, { expectedRevision: 9, name: "other" });
    expect([change.status, change.json.error.details]).toEqual([409, { revision: 2, expectedRevision: 9 }]);
    expect(await allRows()).toEqual(before);
  });
});
