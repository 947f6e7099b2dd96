import { storedSpace } from "@weft/core/identity/access";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { callApi } from "../support/call.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, type Person, withKey } from "../support/people.ts";
import { startTable } from "../support/table.ts";
import { must, names, newPlace, problem, template, workflow } from "../support/template-place.ts";

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

describe("who may do what", () => {
  it("shows strangers what is public and nothing of who made it of what, and lets them change nothing", async () => {
    const bob = await makePerson("bob");
    const [here, theirs] = [await place(), await newPlace(bob)];
    const source = await workflow(here);
    const { id, revision } = await template(here, source, { name: "Shared" });
    const all: [string, string, unknown?][] = [
      ["GET", ""],
      ["GET", "/versions"],
      ["GET", "/versions/v1.0.0"],
      ["POST", "/instantiate", {}],
    ];
    const changes: [string, string, unknown?][] = [
      ["PATCH", "", { expectedRevision: revision, name: "Mine" }],
      ["POST", "/versions", {}],
      ["POST", "/publish", { audience: "space" }],
      ["POST", "/unpublish"],
      ["DELETE", ""],
      ["POST", "/restore"],
    ];
    const refused = async (calls: typeof all) => {
      for (const [method, path, body] of calls) {
        const answer = await theirs(method, `/templates/${id}${path}`, body);
        expect([method, path, answer.status, answer.json?.error?.code]).toEqual([method, path, 404, "not_found"]);
      }
    };
    await refused([...all, ...changes]);
    await must(here("POST", `/templates/${id}/publish`, { audience: "space" }));
    await refused([...all, ...changes]);
    await must(here("POST", `/templates/${id}/publish`, { audience: "all" }));
    await refused(changes);
    for (const [method, path, body] of all) {
      const { status, text } = await theirs(method, `/templates/${id}${path}`, body);
      expect([path, status]).toEqual([path, method === "POST" ? 201 : 200]);
      for (const own of [here.id, ann.userId, source]) expect(text).not.toContain(own);
    }
    expect((await problem(theirs("POST", "/templates", { sourceId: source }))).code).toBe("not_found");
    await must(here("POST", `/templates/${id}/unpublish`));
    await refused([...all, ...changes]);
    await must(here("POST", `/templates/${id}/publish`, { audience: "all" }));
    storedSpace(here.id, true);
    await refused(all);
    expect(await names(theirs, "source=library&q=shared")).toEqual([]);
    storedSpace(here.id, false);
  });

  it("lets only those who may publish to everybody change what everybody sees", async () => {
    const [member, admin] = [await makePerson("member"), await makePerson("admin")];
    const here = await newPlace(ann, [
      { person: member, role: "member" },
      { person: admin, role: "admin" },
    ]);
    const { id } = await template(here, await workflow(here));
    const publish = (audience: string, person: Person) =>
      here("POST", `/templates/${id}/publish`, { audience }, person);
    await must(publish("space", member));
    expect(await problem(publish("all", member))).toMatchObject({
      code: "forbidden",
      details: { permission: "library:publish" },
    });
    const { revision } = await must(publish("all", admin));
    for (const [method, path, body] of [
      ["PATCH", "", { expectedRevision: revision, name: "Other" }],
      ["POST", "/versions", {}],
      ["POST", "/publish", { audience: "space" }],
      ["POST", "/unpublish", undefined],
      ["DELETE", "", undefined],
    ] as const) {
      const answer = await here(method, `/templates/${id}${path}`, body, member);
      expect([method, path, answer.json?.error?.code]).toEqual([method, path, "forbidden"]);
    }
    await must(here("POST", `/templates/${id}/unpublish`, undefined, admin));
    await must(here("DELETE", `/templates/${id}`, undefined, member), 204);
  });

  it("asks for the rights to read what is packed and to write what is made", async () => {
    const here = await place();
    const sourceId = await workflow(here);
    const { id } = await template(here, sourceId);
    const onlyTemplates = await withKey(ann, ["template:*"]);
    expect(await problem(here("POST", "/templates", { sourceId }, onlyTemplates))).toMatchObject({
      details: { permission: "workflow:read" },
    });
    expect(await problem(here("POST", `/templates/${id}/instantiate`, {}, onlyTemplates))).toMatchObject({
      details: { permission: "workflow:write" },
    });
    const both = await withKey(ann, ["template:use", "workflow:write"]);
    await must(here("POST", `/templates/${id}/instantiate`, {}, both), 201);
    expect((await here("GET", "/templates", undefined, both)).status).toBe(403);
  });

  it("keeps what is featured to the platform's people, and to public templates", async () => {
    const here = await place();
    const { id } = await template(here, await workflow(here), { name: "Best" });
    const feature = (person: Person, isFeatured = true) =>
      callApi(handler as never, {
        ...{ method: "PUT", path: `/api/library/templates/${id}/featured`, authorizer: person.authorizer },
        body: { isFeatured },
      });
    expect((await problem(feature(ann))).code).toBe("forbidden");
    const root = await makePerson("root", ["admin"]);
    expect((await problem(feature(root))).code).toBe("not_found");
    await must(here("POST", `/templates/${id}/publish`, { audience: "all" }));
    expect(await must(feature(root))).toMatchObject({ isFeatured: true, source: "library" });
    expect(await names(await place(), "featured=true&source=library&q=best")).toEqual(["Best"]);
    expect(await must(here("POST", `/templates/${id}/publish`, { audience: "space" }))).toMatchObject({
      isFeatured: false,
    });
  });

  it("cannot change what comes with the product", async () => {
    const here = await place();
    const [{ id }] = (await must(here("GET", "/templates?source=starter&limit=1"))).items;
    for (const [method, path, body] of [
      ["PATCH", "", { expectedRevision: 1, name: "Mine" }],
      ["DELETE", "", undefined],
      ["POST", "/publish", { audience: "space" }],
      ["POST", "/versions", {}],
    ] as const) {
      expect((await problem(here(method, `/templates/${id}${path}`, body))).code).toBe("not_found");
    }
    expect((await problem(here("GET", `/templates/${id}/versions/v9.9.9`))).code).toBe("not_found");
    expect((await must(here("GET", `/templates/${id}/versions`))).items).toMatchObject([{ version: "v1.0.0" }]);
  });
});
