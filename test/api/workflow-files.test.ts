import { createFile, readFile } from "@weft/core/file/file.content";
import * as File from "@weft/core/file/file.service";
import { systemCtx } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { startTable } from "../support/table.ts";
import { type WorkflowApi, workflowApi } from "../support/workflows.ts";

const MISSING = "fil_01jd0000000000000000000000";

let table: DynamoServer;
let objects: ObjectsServer;
let api: WorkflowApi;
let spaceId: Id<"space">;

beforeAll(async () => {
  vi.stubEnv("RUN_WORKFLOW_ARN", "arn:aws:states:us-east-1:000000000000:stateMachine:none");
  [table, objects] = await Promise.all([startTable(), startFiles()]);
  const ann = await makePerson();
  spaceId = await makeSpace([{ person: ann, role: "owner" }]);
  api = workflowApi(handler, spaceId, ann);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([table.close(), objects.close()]);
});

const ctx = (space: Id<"space"> = spaceId) => systemCtx("test", { spaceId: space });
const make = (name: string, text: string, space = spaceId) =>
  createFile(ctx(space), { name, bytes: Buffer.from(text), contentType: "", source: "upload" });

const FILE = { type: "string", assist: "file" };
const INPUTS = [
  { name: "file", type: FILE },
  { name: "about", type: { type: "object", assist: "file" } },
  { name: "all", type: { type: "list", items: { type: "string", assist: "image" } } },
  { name: "when", type: { type: "string", assist: "time" } },
  { name: "plain", type: "string" },
];

/** Start, these nodes in a row, and an end that gives what `outputs` names. */
async function workflow(nodes: { id: string; type: string; data: object }[], outputs: Record<string, string>) {
  const ids = ["start", ...nodes.map(({ id }) => id), "end"];
  const canvas = {
    nodes: [
      { id: "start", type: "start", data: { outputs: INPUTS } },
      ...nodes,
      { id: "end", type: "end", data: { inputs: Object.entries(outputs).map(([name, ref]) => ({ name, ref })) } },
    ],
    edges: ids.slice(1).map((target, index) => ({ source: ids[index], target })),
  };
  const { json } = await api("POST", "", { name: "Files", canvas });
  return (input: object) => api("POST", `/${json.id}/run`, { mode: "sync", version: "draft", input });
}
const echo = () =>
  workflow([], {
    file: "start.file",
    about: "start.about",
    all: "start.all",
    when: "start.when",
    plain: "start.plain",
  });

describe("inputs of a file's type", () => {
  it("name Files by id, in Coze's ways too, and are what their type says", async () => {
    const [a, b] = await Promise.all([make("a.csv", "1,2"), make("b.txt", "hello")]);
    const run = await echo();
    const url = "https://files.example.com/c.png";
    const input = {
      file: JSON.stringify({ file_id: a.id }),
      about: { file_id: b.id },
      all: [a.id, url, { file_id: b.id }],
      when: a.id,
      plain: MISSING,
    };
    const { json } = await run(input);
    expect(json.output).toEqual({
      file: a.id,
      about: { id: b.id, name: "b.txt", contentType: "text/plain", size: 5 },
      all: [a.id, url, b.id],
      when: a.id,
      plain: MISSING,
    });
  });

  it("are refused by name before anything runs, where a file is not to be had", async () => {
    const gone = await make("gone.txt", "x");
    await File.remove(ctx(), gone.id);
    const theirs = await make("theirs.txt", "x", newId("space"));
    const run = await echo();
    const issues = async (input: object) => {
      const answer = await run(input);
      expect([answer.status, answer.json.error.code]).toEqual([400, "invalid_input"]);
      return answer.json.error.details.issues;
    };
    expect(await issues({ file: MISSING, all: ["https://x.example", theirs.id] })).toEqual([
      { path: "input.file", message: `there is no file ${MISSING}` },
      { path: "input.all.1", message: `there is no file ${theirs.id}` },
    ]);
    expect(await issues({ about: { id: gone.id } })).toEqual([
      { path: "input.about", message: `there is no file ${gone.id}` },
    ]);
  });
});

describe("nodes", () => {
  const read = (config: object) => ({
    id: "read",
    type: "file_read",
    data: { config, inputs: [{ name: "file", ref: "start.file" }] },
  });

  it("read a File by its id and make one that the API has", async () => {
    const file = await make("in.txt", "hello");
    const run = await workflow(
      [
        read({ key: "{{file}}" }),
        {
          id: "write",
          type: "file_write",
          data: { config: { key: "out/copy.md", to: "file" }, inputs: [{ name: "content", ref: "read.content" }] },
        },
      ],
      { name: "read.name", size: "read.size", made: "write.fileId" },
    );
    const { json } = await run({ file: file.id });
    expect(json.output).toEqual({ name: "in.txt", size: 5, made: expect.stringMatching(/^fil_/) });
    const made = json.output.made as Id<"file">;
    expect(await File.get(ctx(), made)).toMatchObject({
      name: "copy.md",
      contentType: "text/markdown",
      source: "workflow",
      sourceId: json.id,
    });
    expect(Buffer.from((await readFile(ctx(), made, 100)).bytes).toString()).toBe("hello");
  });

  it("give a link that fetches the File", async () => {
    const file = await make("in.txt", "hello");
    const run = await workflow([read({ key: "{{file}}", as: "url" })], { url: "read.url" });
    const { json } = await run({ file: file.id });
    expect(await (await fetch(json.output.url)).text()).toBe("hello");
  });

  it("find nothing of another space", async () => {
    const theirs = await make("theirs.txt", "secret", newId("space"));
    for (const as of ["text", "url"]) {
      const run = await workflow([read({ key: theirs.id, as })], { content: "read.content" });
      const { json } = await run({});
      expect([json.status, json.error.code]).toEqual(["failed", "not_found"]);
      expect(JSON.stringify(json)).not.toContain("secret");
    }
  });
});
