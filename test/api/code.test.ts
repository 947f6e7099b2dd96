import { inspect } from "@weft/adapters/sandbox/report";
import * as Code from "@weft/core/code/code.service";
import { createFile, readFile } from "@weft/core/file/file.content";
import * as File from "@weft/core/file/file.service";
import type { CodeOutcome } from "@weft/engine/code";
import { ManualClock } from "@weft/kernel/clock";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/code/index.ts";
import { callApi } from "../support/call.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace, type Person } from "../support/people.ts";
import { startCodeFunction } from "../support/sandbox.ts";
import { startTable } from "../support/table.ts";

let table: DynamoServer;
let files: ObjectsServer;
let sandbox: { close(): Promise<void> };
let ann: Person;
let spaceId = "";

beforeAll(async () => {
  [table, files, sandbox] = await Promise.all([startTable(), startFiles(), startCodeFunction()]);
  ann = await makePerson();
  spaceId = await makeSpace([{ person: ann, role: "member" }]);
});
afterAll(async () => {
  await Promise.all([table.close(), files.close(), sandbox.close()]);
});

function call(method: string, path: string, body?: unknown, person: Person | undefined = ann, space = spaceId) {
  return callApi(handler as never, {
    method,
    path: `/api/spaces/${space}/code/executions${path}`,
    ...(body === undefined ? {} : { body }),
    ...(person ? { authorizer: person.authorizer } : {}),
  });
}
const ctxOf = () => ({ ...systemCtx("test", { clock: new ManualClock(Date.now()) }), spaceId: spaceId as never });
const javascript = (code: string, rest: object = {}) => call("POST", "", { language: "javascript", code, ...rest });

describe("happy", () => {
  it("runs a program and keeps everything of it", async () => {
    const code =
      "export default async (args) => { console.log('hi'); writeFile('a.txt', 'content'); return { n: args.params.n + 1 }; }";
    const { status, json } = await javascript(code, { inputs: { n: 1 }, agentId: "agent_1" });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      language: "javascript",
      status: "succeeded",
      code,
      inputs: { n: 1 },
      output: { n: 2 },
      stdout: "hi\n",
      stderr: "",
      exitCode: 0,
      userId: ann.userId,
      agentId: "agent_1",
      securityScore: 100,
      securityIssues: [],
      error: null,
    });
    for (const name of ["executionTimeMs", "cpuTimeMs", "peakMemoryBytes"])
      expect(json[name]).toEqual(expect.any(Number));
    expect(json.files).toMatchObject([{ name: "a.txt", sizeBytes: 7 }]);
    expect((await call("GET", `/${json.id}`)).json).toEqual(json);
    const file = await call("GET", `/${json.id}/outputs/${json.files[0].id}`);
    expect(Buffer.from(file.json.base64, "base64").toString()).toBe("content");
    const kept = await File.get(ctxOf(), json.files[0].fileId);
    expect(kept).toMatchObject({ name: "a.txt", contentType: "text/plain", source: "code", sourceId: json.id });
    const list = await call("GET", "?status=succeeded&language=javascript&limit=1");
    expect(list.json.items).toMatchObject([{ id: json.id, status: "succeeded" }]);
    expect((await call("GET", "?language=python")).json.items).toEqual([]);
  });

  it("runs Python", { timeout: 120_000 }, async () => {
    const code = "async def main(args):\n    return {'n': args.params['n'] * 2}";
    const { json } = await call("POST", "", { language: "python", code, inputs: { n: 21 } });
    expect(json).toMatchObject({ status: "succeeded", output: { n: 42 } });
  });

  it.each([
    ["javascript", "const text = readFile('in.csv'); writeFile('out.csv', text + '3'); export default () => text"],
    [
      "python",
      "text = open('in.csv').read()\nopen('out.csv', 'w').write(text + '3')\nasync def main(args):\n    return text",
    ],
  ])("gives %s its input files and keeps what it changed", { timeout: 120_000 }, async (language, code) => {
    const file = await createFile(ctxOf(), {
      name: "in.csv",
      bytes: Buffer.from("1,2\n"),
      contentType: "",
      source: "upload",
    });
    const { json } = await call("POST", "", { language, code, inputFiles: [file.id] });
    expect(json).toMatchObject({ status: "succeeded", output: "1,2\n", inputFiles: [{ id: file.id, name: "in.csv" }] });
    expect(json.files.map((output: { name: string }) => output.name)).toEqual(["out.csv"]);
    const { bytes } = await readFile(ctxOf(), json.files[0].fileId, 100);
    expect(Buffer.from(bytes).toString()).toBe("1,2\n3");
    await File.remove(ctxOf(), json.files[0].fileId);
    expect((await call("GET", `/${json.id}/outputs/${json.files[0].id}`)).status).toBe(404);
  });

  it("answers a program that fails, with its line and what was said of it before", async () => {
    const code = "export default () => {\n  return process.env.SECRET;\n}";
    const { status, json } = await javascript(code);
    expect(status).toBe(200);
    expect(json).toMatchObject({ status: "failed", exitCode: 1, output: null, error: { code: "code_error", line: 2 } });
    expect(json.securityIssues).toMatchObject([
      { rule: "host-object", severity: "high", line: 2 },
      { rule: "environment", severity: "low", line: 2 },
    ]);
    expect(json.securityScore).toBe(65);
  });

  it("ends a program at its time", async () => {
    const { json } = await javascript("while (true) {}", { timeoutMs: 200 });
    expect(json).toMatchObject({ status: "timed_out", exitCode: 124, error: { code: "timeout" } });
  });

  it("offloads what is large", async () => {
    const text = "x".repeat(300_000);
    const { json } = await javascript("export default ({ text }) => text + text", { inputs: { text } });
    expect((await call("GET", `/${json.id}`)).json.output).toHaveLength(600_000);
  });
});

describe("cancel", () => {
  const ctx = ctxOf;
  const outcome: CodeOutcome = {
    output: 1,
    stdout: "",
    stderr: "",
    exitCode: 0,
    durationMs: 1,
    cpuMs: 1,
    peakMemoryBytes: 1,
    files: [],
  };
  const input = { language: "javascript" as const, code: "1", inputs: {}, inputFiles: [] };

  it("stands, whatever the program comes to afterwards", async () => {
    let id = "";
    const runner = {
      run: async () => {
        const running = await call("GET", "?status=running");
        id = running.json.items[0].id;
        expect((await call("POST", `/${id}/cancel`)).json.status).toBe("cancelled");
        return outcome;
      },
    };
    const done = await Code.run(ctx(), { runner, inspect }, input);
    expect(done).toMatchObject({ id, status: "cancelled", exitCode: 130, output: null });
    expect((await call("POST", `/${id}/cancel`)).status).toBe(409);
  });

  it("does not leave a lost run running", async () => {
    const failing = { run: async () => Promise.reject(new Error("the function died")) };
    await expect(Code.run(ctx(), { runner: failing, inspect }, input)).rejects.toThrow();
    const [last] = (await call("GET", "?limit=1")).json.items;
    expect(last).toMatchObject({ status: "failed", error: { code: "unavailable", message: "the run was lost" } });
  });
});

describe("error", () => {
  it.each([
    ["no code", { language: "javascript", code: "" }],
    ["an unknown language", { language: "ruby", code: "1" }],
    ["an unknown field", { language: "python", code: "1", shell: true }],
    ["too long a time", { language: "python", code: "1", timeoutMs: 1e9 }],
    ["too much memory", { language: "python", code: "1", memoryBytes: 2 ** 40 }],
    ["inputs that are no object", { language: "python", code: "1", inputs: [1] }],
  ])("refuses %s", async (_, body) => {
    const answer = await call("POST", "", body);
    expect([answer.status, answer.json.error.code]).toEqual([400, "invalid_input"]);
  });

  it("refuses input files that are not to be had, too large or called alike", async () => {
    const make = (name: string, size: number, ctx = ctxOf()) =>
      createFile(ctx, { name, bytes: new Uint8Array(size), contentType: "", source: "upload" });
    const refused = async (...inputFiles: string[]) => {
      const answer = await call("POST", "", { language: "python", code: "1", inputFiles });
      expect([answer.status, answer.json.error.code]).toEqual([400, "invalid_input"]);
      return answer.json.error.details.issues[0];
    };
    const small = await make("a", 10);
    const theirs = await make("a", 10, { ...ctxOf(), spaceId: newId("space") as never });
    expect((await refused(small.id, "fil_01jd0000000000000000000000")).path).toBe("inputFiles.1");
    expect((await refused(theirs.id)).message).toBe(`file ${theirs.id} not found`);
    expect((await refused(small.id, (await make("a", 1)).id)).message).toBe('another file is called "a"');
    expect((await refused(small.id, (await make("b", 1024 * 1024)).id)).path).toBe("inputFiles.1");
    expect((await refused("../../etc/passwd")).path).toBe("inputFiles.0");
  });

  it("says not found, and cancels nothing that is over", async () => {
    const missing = "cex_01jd0000000000000000000000";
    expect((await call("GET", `/${missing}`)).status).toBe(404);
    expect((await call("POST", `/${missing}/cancel`)).status).toBe(404);
    const { json } = await javascript("1");
    expect((await call("POST", `/${json.id}/cancel`)).status).toBe(409);
    expect((await call("GET", `/${json.id}/outputs/cot_01jd0000000000000000000000`)).status).toBe(404);
  });
});

describe("security", () => {
  it("keeps spaces apart", async () => {
    const { json } = await javascript("writeFile('a', 'b')");
    const eve = await makePerson();
    const other = await makeSpace([{ person: eve, role: "owner" }]);
    const paths = [`/${json.id}`, `/${json.id}/outputs/${json.files[0].id}`];
    for (const path of paths) {
      expect((await call("GET", path, undefined, eve)).status).toBe(404);
      expect((await call("GET", path, undefined, eve, other)).status).toBe(404);
      expect((await call("GET", path, undefined, null as never)).status).toBe(401);
    }
    expect((await call("GET", "", undefined, eve, other)).json.items).toEqual([]);
    expect((await call("POST", `/${json.id}/cancel`, undefined, eve, other)).status).toBe(404);
  });
});
