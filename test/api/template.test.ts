import { starterSources } from "@weft/core/template/starters/index";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFiles } from "../support/objects.ts";
import { makePerson, type Person } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";
import { draftOf, must, names, newPlace, paths, problem, template, workflow } from "../support/template-place.ts";
import { callingCanvas, echoCanvas } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let ann: Person;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  ann = await makePerson();
});
afterAll(async () => {
  await table.close();
  await files.close();
});

const place = () => newPlace(ann);

/** Asks a service with a secret of its author's, and says so much at the end. */
const asking = {
  nodes: [
    { id: "start", type: "start", data: {} },
    {
      id: "ask",
      type: "http_request",
      data: {
        config: { url: "https://example.com", headers: [{ name: "X-Api-Key", value: "s3cr3t" }] },
        onError: { retries: 1 },
      },
    },
    { id: "end", type: "end", data: { config: { mode: "answer", content: "of the author" } } },
  ],
  edges: [
    { id: "a", source: "start", target: "ask" },
    { id: "b", source: "ask", target: "end" },
  ],
};
const URL_FIELD = {
  ...{ name: "url", title: "Address", type: "string", required: true },
  targets: [{ nodeId: "ask", path: "config.url" }],
};
const RETRIES = {
  ...{ name: "retries", title: "Tries", type: "integer", options: [1, 2, 3] },
  targets: [{ nodeId: "ask", path: "onError.retries" }],
};

describe("a template of a workflow", () => {
  it("keeps what it was made of, without secrets and without what users have to give", async () => {
    const here = await place();
    const id = await workflow(here, asking, { name: "Ask", description: "Asks.", tags: ["web"] });
    const made = await template(here, id, { category: "integration", placeholders: [URL_FIELD, RETRIES] });
    expect(made).toMatchObject({
      ...{ source: "space", kind: "workflow", name: "Ask", description: "Asks.", tags: ["web"] },
      ...{ category: "integration", audience: "none", usageCount: 0, currentVersion: "v1.0.0", sourceId: id },
    });
    await must(here("DELETE", `/workflows/${id}`), 204);
    const shown = await must(here("GET", `/templates/${made.id}/versions/v1.0.0`));
    expect(shown.placeholders).toMatchObject([
      { name: "url", required: true, default: null },
      { name: "retries", required: false, default: 1 },
    ]);
    expect(shown.objects).toMatchObject([{ key: "main", name: "Ask", isMain: true, nodeCount: 3 }]);
    const { config } = shown.objects[0].canvas.nodes[1].data;
    expect([config.url, config.headers[0].value]).toEqual(["", ""]);
    const used = await must(
      here("POST", `/templates/${made.id}/instantiate`, {
        name: "Mine",
        parameters: { url: "https://example.org/{{x}}", retries: 3 },
      }),
      201,
    );
    expect(used).toMatchObject({ templateId: made.id, version: "v1.0.0", name: "Mine" });
    const { data } = (await draftOf(here, used.id)).nodes[1];
    expect([data.config.url, data.onError.retries]).toEqual(["https://example.org/{{x}}", 3]);
    const { name, externalId, tags } = await must(here("GET", `/workflows/${used.id}`));
    expect([name, externalId, tags]).toEqual(["Mine", `${made.id}/v1.0.0/main`, ["web"]]);
    const after = await must(here("GET", `/templates/${made.id}`));
    expect([after.usageCount, after.revision]).toEqual([1, made.revision]);
    const kept = (await allRows()).filter((row) => String(row.__edb_e__).startsWith("template"));
    expect(JSON.stringify(kept)).not.toContain("s3cr3t");
  });

  it("names each parameter that is missing, unknown, of another type or not allowed, and makes nothing", async () => {
    const here = await place();
    const { id } = await template(here, await workflow(here, asking), { placeholders: [URL_FIELD, RETRIES] });
    const use = (parameters: object) => here("POST", `/templates/${id}/instantiate`, { parameters });
    expect(await paths(use({}))).toEqual(["parameters.url"]);
    expect(await paths(use({ url: 7, retries: 9, more: 1 }))).toEqual([
      "parameters.more",
      "parameters.url",
      "parameters.retries",
    ]);
    expect((await problem(use({ url: "x", retries: "2" }))).message).toBe("parameters.retries: must be a whole number");
    expect((await must(here("GET", "/workflows"))).items).toHaveLength(1);
    expect((await must(here("GET", `/templates/${id}`))).usageCount).toBe(0);
  });

  it("names each placeholder that has no place, and makes nothing", async () => {
    const here = await place();
    const sourceId = await workflow(here, asking);
    const at = (...targets: object[]) => ({ ...RETRIES, targets });
    const declared = [
      at({ nodeId: "nobody", path: "config.url" }, { nodeId: "ask", path: "config.headers[7]" }),
      { ...at({ object: "part_9", nodeId: "ask", path: "config.url" }), name: "other" },
      { ...at({ nodeId: "ask", path: "config..url" }), name: "third" },
      { ...at({ nodeId: "ask", path: "config.url" }), options: ["x"], name: "third" },
      { ...at({ nodeId: "ask", path: "nothing.here" }), name: "fifth" },
    ];
    expect(await paths(here("POST", "/templates", { sourceId, placeholders: declared }))).toEqual([
      "placeholders.0.targets.0",
      "placeholders.0.targets.1",
      "placeholders.1.targets.0",
      "placeholders.2.targets.0",
      "placeholders.3.name",
      "placeholders.3.type",
      "placeholders.3.options",
      "placeholders.4.targets.0",
    ]);
    const required = (type: string, path: string) => [
      { ...at({ nodeId: "ask", path }), options: undefined, type, required: true },
    ];
    for (const [type, path, issue] of [
      ["string", "onError.retries", "placeholders.0.type"],
      ["object", "onError", undefined],
      ["list", "inputs", undefined],
    ] as const) {
      const answer = here("POST", "/templates", { sourceId, placeholders: required(type, path) });
      if (issue) expect(await paths(answer)).toEqual([issue]);
      else await must(here("DELETE", `/templates/${(await must(answer, 201)).id}`), 204);
    }
    expect(await names(here, "state=all")).toEqual([]);
    for (const path of ["__proto__.x", "constructor.prototype.x", "config.__proto__.x"]) {
      const body = { sourceId, placeholders: [at({ nodeId: "ask", path })] };
      expect((await problem(here("POST", "/templates", body))).code).toBe("invalid_input");
    }
  });

  it("brings what it calls, of the versions that are called, and takes bindings in their place", async () => {
    const here = await place();
    const low = await workflow(here, echoCanvas("first"), { name: "Low" });
    const save = (id: string, expectedRevision: number, canvas: unknown) =>
      must(here("PUT", `/workflows/${id}/draft`, { expectedRevision, canvas }));
    const publish = (id: string) => must(here("POST", `/workflows/${id}/publish`, { force: true }), 201);
    await publish(low);
    await save(low, 1, echoCanvas("second"));
    await publish(low);
    await save(low, 2, echoCanvas("draft"));
    const mid = await workflow(here, callingCanvas({ workflowId: low, version: "v1.0.0" }), { name: "Mid" });
    await publish(mid);
    const top = await workflow(here, callingCanvas({ workflowId: mid }, { workflowId: low }), { name: "Top" });
    await publish(top);
    const { id } = await template(here, top, { sourceVersion: "v1.0.0" });
    const { objects } = await must(here("GET", `/templates/${id}/versions/v1.0.0`));
    expect(objects.map(({ key, name }: Record<string, string>) => [key, name])).toEqual([
      ["part_1", "Low"],
      ["part_2", "Mid"],
      ["part_3", "Low"],
      ["main", "Top"],
    ]);
    const title = ({ canvas }: { canvas: { nodes: { data: object }[] } }) => canvas.nodes[0]?.data;
    expect([title(objects[0]), title(objects[2])]).toMatchObject([{ label: "first" }, { label: "second" }]);
    expect(JSON.stringify(objects)).not.toContain("wfl_");

    const there = await place();
    await must(here("POST", `/templates/${id}/publish`, { audience: "all" }));
    const used = await must(there("POST", `/templates/${id}/instantiate`, {}), 201);
    expect(used.objects.map(({ key }: { key: string }) => key)).toEqual(["part_1", "part_2", "part_3", "main"]);
    const idOf = (key: string) => used.objects.find((one: { key: string }) => one.key === key).id;
    const calls = (await draftOf(there, used.id)).nodes.flatMap((node: { data: { config?: object } }) =>
      node.data.config ? [node.data.config] : [],
    );
    expect(calls).toEqual([{ workflowId: idOf("part_2") }, { workflowId: idOf("part_3") }]);
    for (const object of used.objects)
      await must(there("POST", `/workflows/${object.id}/publish`, { force: true }), 201);

    const own = await workflow(there);
    const bind = (workflows: object) => there("POST", `/templates/${id}/instantiate`, { bindings: { workflows } });
    const bound = await must(bind({ part_2: own }), 201);
    expect(bound.objects.map(({ key }: { key: string }) => key)).toEqual(["part_2", "part_3", "main"]);
    expect((await draftOf(there, bound.id)).nodes[1].data.config).toEqual({ workflowId: own });
    expect(await paths(bind({ part_9: own }))).toEqual(["bindings.workflows.part_9"]);
    expect(await paths(bind({ main: own }))).toEqual(["bindings.workflows.main"]);
    for (const foreign of [low, newId("workflow")]) {
      expect(await paths(bind({ part_2: foreign }))).toEqual(["bindings.workflows.part_2"]);
    }
  });

  it("has versions: new ones take over, old ones can still be used", async () => {
    const here = await place();
    const source = await workflow(here, asking);
    const { id } = await template(here, source, { placeholders: [RETRIES], exampleInput: { q: 1 } });
    const changed = structuredClone(asking);
    Object.assign(changed.nodes[2]?.data ?? {}, { config: { mode: "answer", content: "changed" } });
    await must(here("PUT", `/workflows/${source}/draft`, { expectedRevision: 1, canvas: changed }));
    const create = (body: object) => here("POST", `/templates/${id}/versions`, body);
    const second = await must(create({ description: "Says more." }), 201);
    expect(second).toMatchObject({ version: "v1.0.1", description: "Says more.", exampleInput: { q: 1 } });
    expect(second.placeholders).toMatchObject([{ name: "retries", default: 1 }]);
    expect(await must(create({ version: "v2.0.0", placeholders: [] }), 201)).toMatchObject({ placeholders: [] });
    expect(await paths(create({ version: "v1.5.0" }))).toEqual(["version"]);
    await must(here("PUT", `/workflows/${source}/draft`, { expectedRevision: 2, canvas: echoCanvas() }));
    expect(await paths(create({ version: "v3.0.0", placeholders: [RETRIES] }))).toEqual(["placeholders.0.targets.0"]);
    const { items, nextCursor } = await must(here("GET", `/templates/${id}/versions?limit=2`));
    const rest = await must(here("GET", `/templates/${id}/versions?limit=2&cursor=${nextCursor}`));
    expect([...items, ...rest.items].map(({ version }: { version: string }) => version)).toEqual([
      "v2.0.0",
      "v1.0.1",
      "v1.0.0",
    ]);
    const content = async (version?: string) => {
      const used = await must(here("POST", `/templates/${id}/instantiate`, version ? { version } : {}), 201);
      return (await draftOf(here, used.id)).nodes[2].data.config.content;
    };
    expect([await content(), await content("v1.0.0")]).toEqual(["changed", "of the author"]);
    for (const unknown of ["v9.0.0", "latest", "draft"]) {
      expect((await problem(here("GET", `/templates/${id}/versions/${unknown}`))).code).toBe("not_found");
    }
  });

  it("is changed from the revision that one saw, deleted and restored", async () => {
    const here = await place();
    const { id, revision } = await template(here, await workflow(here));
    const change = { expectedRevision: revision, name: "Écho", tags: ["a"], icon: "star", category: "text" };
    expect(await must(here("PATCH", `/templates/${id}`, change))).toMatchObject({ name: "Écho", icon: "star" });
    expect((await problem(here("PATCH", `/templates/${id}`, change))).code).toBe("conflict");
    await must(here("PATCH", `/templates/${id}`, { expectedRevision: revision + 1, icon: null }));
    expect((await must(here("GET", `/templates/${id}`))).icon).toBeUndefined();
    await must(here("POST", `/templates/${id}/publish`, { audience: "all" }));
    expect((await problem(here("POST", `/templates/${id}/restore`))).code).toBe("conflict");
    await must(here("DELETE", `/templates/${id}`), 204);
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/instantiate"],
      ["GET", "/versions/v1.0.0"],
    ] as const) {
      const answer = here(method, `/templates/${id}${path}`, method === "POST" ? {} : undefined);
      expect((await problem(answer)).code).toBe("not_found");
    }
    expect(await names(await place(), "source=library&q=echo")).toEqual([]);
    expect(await names(here, "state=deleted")).toEqual(["Écho"]);
    expect(await must(here("POST", `/templates/${id}/restore`))).toMatchObject({ audience: "none", name: "Écho" });
  });
});

describe("what is listed", () => {
  it("is of the product, of the space and of the library, page after page", async () => {
    const [here, there] = [await place(), await place()];
    for (const [at, name, audience] of [
      [here, "Own one", "space"],
      [here, "Own public one", "all"],
      [there, "Theirs", "all"],
      [there, "Their private one", "space"],
    ] as const) {
      const { id } = await template(at, await workflow(at), { name, category: "paging", tags: ["Ünïque tag"] });
      await must(at("POST", `/templates/${id}/publish`, { audience }));
    }
    await template(here, await workflow(here), { name: "Unpublished", category: "paging" });
    const found: { source: string; name: string }[] = [];
    let cursor = "";
    do {
      const page = await must(here("GET", `/templates?limit=7${cursor}`));
      expect(page.items.length).toBeLessThanOrEqual(7);
      found.push(...page.items);
      cursor = page.nextCursor === null ? "" : `&cursor=${page.nextCursor}`;
    } while (cursor !== "");
    const of = (source: string) => found.filter((one) => one.source === source).map(({ name }) => name);
    expect(of("starter")).toEqual(starterSources.map(({ name }) => name));
    expect(of("space")).toEqual(["Own public one", "Own one"]);
    expect(of("library")).toContain("Theirs");
    expect(found.map(({ name }) => name)).not.toContain("Their private one");
    expect(new Set(found.map((one) => JSON.stringify(one))).size).toBe(found.length);
    expect(await names(here, "category=paging")).toEqual(["Own public one", "Own one", "Theirs"]);
    expect(await names(here, "q=OWN%20publ")).toEqual(["Own public one"]);
    expect(await names(here, "tag=unique%20TAG&source=library")).toEqual(["Theirs"]);
    expect(await names(here, "state=unpublished")).toEqual(["Unpublished"]);
    expect(await names(here, "state=unpublished&source=library")).toEqual([]);
    expect(await names(here, "source=starter&category=data&q=merge")).toEqual(["Merge two lists"]);
    const featured = starterSources.filter(({ isFeatured }) => isFeatured).map(({ name }) => name);
    expect(await names(here, "source=starter&featured=true")).toEqual(featured);
    for (const query of ["cursor=rubbish", "limit=0", "sort=best", "source=moon", "featured=yes", "category=No"]) {
      expect((await here("GET", `/templates?${query}`)).status, query).toBe(400);
    }
    const { nextCursor } = await must(here("GET", "/templates?limit=1"));
    expect((await problem(there("GET", `/templates?limit=1&cursor=${nextCursor}`))).code).toBe("invalid_cursor");
  });

  it("can begin with what is used most", async () => {
    const here = await place();
    const ids: string[] = [];
    for (const name of ["A", "B", "C"]) {
      const { id } = await template(here, await workflow(here), { name, category: "ranking" });
      await must(here("POST", `/templates/${id}/publish`, { audience: "all" }));
      ids.push(id);
    }
    const there = await place();
    const use = (id: string | undefined) => must(there("POST", `/templates/${id}/instantiate`, {}), 201);
    await Promise.all([use(ids[1]), use(ids[1]), use(ids[0])]);
    for (const at of [here, there]) expect(await names(at, "category=ranking&sort=used")).toEqual(["B", "A", "C"]);
    expect(await names(here, "category=ranking")).toEqual(["C", "B", "A"]);
    const last = starterSources.at(-1)?.name ?? "";
    const [starter] = (await must(there("GET", "/templates?source=starter&q=fall"))).items;
    expect(starter).toMatchObject({ name: last, usageCount: 0, audience: "all" });
    await use(starter.id);
    expect((await must(here("GET", `/templates/${starter.id}`))).usageCount).toBe(1);
    expect((await names(here, "source=starter&sort=used"))[0]).toBe(last);
  });
});
