import { afterAll, describe, expect, it } from "vitest";
import { runner, startSandbox } from "./support.ts";

const sandbox = startSandbox();
const run = runner(sandbox, "javascript");
const typed = runner(sandbox, "typescript");
const MB = 1024 * 1024;
afterAll(() => sandbox.close());

describe("shapes of a program", () => {
  it.each([
    ["a default export", "export default async (args) => ({ sum: args.params.a + args.params.b })"],
    ["Coze's main", "async function main({ params }) { return { sum: params.a + params.b }; }"],
    ["Dify's main", "function main({ a, b }) { return { sum: a + b }; }"],
    ["a constant main", "const main = ({ a, b }) => ({ sum: a + b });"],
    ["an exported main", "export async function main(args) { return { sum: args.a + args.b }; }"],
    ["a body that returns", "const sum = params.a + params.b;\nreturn { sum };"],
  ])("takes %s", async (_, code) => {
    const outcome = await run(code, { a: 2, b: 3 });
    expect(outcome).toMatchObject({ output: { sum: 5 }, exitCode: 0, stdout: "", stderr: "", files: [] });
    expect(outcome.error).toBeUndefined();
  });

  it("takes TypeScript, types and enums, without checking them", async () => {
    const code =
      "enum Kind { A = 7 }\ninterface In { n: number }\nasync function main({ params }: { params: In }): Promise<{ n: number }> {\n" +
      "  const text: number = 'not checked' as never;\n  return { n: params.n + Kind.A };\n}";
    expect((await typed(code, { n: 1 })).output).toEqual({ n: 8 });
  });

  it("takes a script without a main, and keeps what it prints apart by stream", async () => {
    const outcome = await run(
      "console.log('out', { a: [1] }, undefined, 5n); console.error(new TypeError('err').message);",
    );
    expect(outcome).toMatchObject({
      output: null,
      stdout: 'out {"a":[1]} undefined 5\n',
      stderr: "err\n",
      exitCode: 0,
    });
  });

  it("waits for timers and promises", async () => {
    const code =
      "export default async () => { const seen = []; setTimeout(() => seen.push('late'), 20); setTimeout(() => seen.push('soon'), 1);\n" +
      "const t = setInterval(() => { seen.push('tick'); clearInterval(t); }, 5); await new Promise((r) => setTimeout(r, 60)); return seen; }";
    expect((await run(code)).output).toEqual(["soon", "tick", "late"]);
  });

  it("keeps files", async () => {
    const code =
      "writeFile('a.txt', 'héllo'); writeFile('b.bin', new Uint8Array([0, 255, 3])); writeFile('a.txt', 'again');";
    const { files } = await run(code);
    const texts = files.map(({ name, base64 }) => [name, Buffer.from(base64, "base64").toString("latin1")]);
    expect(texts).toEqual([
      ["a.txt", "again"],
      ["b.bin", "\u0000\u00ff\u0003"],
    ]);
  });

  it.each(["../up", "/etc/x", "", ".."])("refuses the file name %j", async (name) => {
    const { error, files } = await run(`writeFile(${JSON.stringify(name)}, 'x')`);
    expect([error?.code, files]).toEqual(["code_error", []]);
    expect(error?.message).toContain("no plain file name");
  });
});

describe("what goes wrong", () => {
  it.each([
    ["an error with its line", "export default () => {\n  null.x;\n}", { code: "code_error", line: 2 }],
    ["a syntax error with its line", "const a = 1;\nlet b = ;", { code: "syntax_error", line: 2 }],
    ["a thrown string", "export default () => { throw 'plain'; }", { code: "code_error", message: "plain" }],
    ["a promise of nothing", "export default () => new Promise(() => {})", { code: "code_error" }],
    ["a value without JSON", "export default () => ({ n: 1n })", { code: "invalid_output" }],
    ["a circle", "export default () => { const a = {}; a.a = a; return a; }", { code: "invalid_output" }],
    ["a function", "export default () => () => 1", { code: "invalid_output" }],
    ["too much output", "export default () => 'x'.repeat(3e6)", { code: "output_too_large" }],
    ["endless recursion", "function f() { return f() + 1; } export default f", { code: "code_error" }],
    ["an import", "import fs from 'node:fs'; export default () => fs", { code: "code_error" }],
    ["a dynamic import", "export default () => import('node:fs')", { code: "code_error" }],
  ])("names %s", async (_, code, error) => {
    const outcome = await run(code);
    expect(outcome).toMatchObject({ output: null, exitCode: 1, error });
    expect(outcome.stderr).not.toContain("prelude");
  });

  it("names the line of wrong TypeScript", async () => {
    expect((await typed("const a: number = 1;\nconst b: = 2;")).error?.code).toBe("syntax_error");
  });

  it("keeps the beginning of endless printing", async () => {
    const { stdout, error } = await run("for (let i = 0; i < 40000; i++) console.log('x'.repeat(20));");
    expect(error).toBeUndefined();
    expect(stdout.length).toBeLessThan(300_000);
    expect(stdout.endsWith("the rest was dropped")).toBe(true);
  });

  it.each([
    ["an endless loop", "while (true) {}"],
    ["an endless chain of promises", "const f = () => Promise.resolve().then(f); export default f"],
    ["a regular expression that backtracks", "export default () => /^(a+)+$/.test('a'.repeat(60) + 'b')"],
    ["a native loop", "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)"],
    ["a timer beyond its time", "export default () => new Promise((r) => setTimeout(r, 1e9))"],
    ["an error handler that goes on", "while (true) { try { while (true) {} } catch {} finally { continue; } }"],
  ])("ends %s at its time", async (_, code) => {
    const outcome = await run(code, {}, { timeoutMs: 300 });
    expect(outcome).toMatchObject({ output: null, exitCode: 124, error: { code: "timeout" } });
    expect((await run("export default () => 1")).output).toBe(1);
  });

  it.each([
    ["one gigabyte at once", "export default () => new ArrayBuffer(2 ** 30).byteLength"],
    ["one gigabyte bit by bit", "const all = []; for (;;) all.push(new Array(10000).fill(all.length))"],
    ["a string that doubles", "let s = 'x'; for (;;) s = (s + s).split('').join('')"],
  ])("holds %s within its memory", async (_, code) => {
    const outcome = await run(code, {}, { timeoutMs: 60_000, memoryBytes: 32 * MB });
    expect(outcome.error?.code === "memory_exceeded" || /string length/.test(outcome.error?.message ?? "")).toBe(true);
    expect(outcome.output).toBeNull();
    expect(outcome.peakMemoryBytes).toBeLessThanOrEqual(32 * MB + 16 * MB);
  });

  it("is ended by whoever asked for it", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const outcome = await run("while (true) {}", {}, { timeoutMs: 60_000 }, controller.signal);
    expect(outcome).toMatchObject({ exitCode: 130, error: { code: "cancelled" } });
  });

  it("refuses what is too large before it runs", async () => {
    await expect(run("x".repeat(400_001))).rejects.toMatchObject({ code: "too_large" });
    await expect(run("1", { a: "x".repeat(3_000_000) })).rejects.toMatchObject({ code: "too_large" });
  });
});

describe("escapes", () => {
  const HOST = [
    "process",
    "require",
    "module",
    "fetch",
    "Buffer",
    "WebAssembly",
    "Deno",
    "Bun",
    "performance",
    "navigator",
  ];

  it("has nothing of the host", async () => {
    const names = HOST.map((name) => `typeof ${name}`).join(", ");
    const code = `export default () => [${names}, typeof globalThis.constructor.constructor("return this")().process]`;
    expect((await run(code)).output).toEqual([...HOST, ""].map(() => "undefined"));
  });

  it.each([
    "console.log.constructor('return process')()",
    "(0, eval)('process')",
    "Reflect.construct(Function, ['return process.env'])()",
    "writeFile.constructor('return globalThis.process.env')()",
    "(async () => {}).constructor('return process')()",
    "Object.getPrototypeOf(function* () {}).constructor('return process')().next()",
    "Error.prepareStackTrace = (_, s) => s; new Error().stack[0].getThis().process.env",
    "setTimeout.call.constructor('return require')()('fs')",
    "Reflect.get(globalThis, 'process').mainModule",
    "import.meta.url.process.env",
  ])("gets nowhere by %s", async (expression) => {
    const { output, error } = await run(
      `export default async () => { const got = await ${expression.includes(";") ? `(() => { ${expression.replace(/; (?=[^;]*$)/, "; return ")} })()` : expression}; return String(got) + JSON.stringify(got); }`,
    );
    expect(output).toBeNull();
    expect(error?.code).toBe("code_error");
  });

  it("keeps its outcome whatever a program does to prototypes", async () => {
    const code =
      "Object.prototype.toJSON = () => 'spoiled'; Array.prototype.push = () => { throw 1 }; JSON.stringify = () => '}'; JSON.parse = null;\n" +
      "Object.defineProperty(Object.prototype, 'error', { get() { return 'x' } }); Promise.resolve = null;\nexport default () => ({ a: 1 })";
    const outcome = await run(code, { a: 1 });
    expect(outcome.error).toBeUndefined();
    expect(outcome.output).toBe("spoiled");
    expect(({} as { toJSON?: unknown }).toJSON).toBeUndefined();
    expect((await run("export default () => ({ a: [1].concat(2) })")).output).toEqual({ a: [1, 2] });
  });

  it("takes inputs as data", async () => {
    const inputs = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": "c", "code": "process.exit()"}');
    const code =
      "export default (args) => [({}).polluted, args.constructor, args.params.code, Object.keys(args.params).sort()]";
    const { output } = await run(code, inputs);
    expect(output).toEqual([null, "c", "process.exit()", ["__proto__", "code", "constructor"]]);
  });

  it("shows a run nothing of the one before", async () => {
    await run("globalThis.secret = 'a'; Array.prototype.secret = 'b'; writeFile('s', 'c'); export default () => 1");
    const code = "export default () => [typeof globalThis.secret, typeof [].secret, Object.keys(globalThis).sort()]";
    const { output, files } = await run(code);
    expect(files).toEqual([]);
    const own = ["atob", "btoa", "clearInterval", "clearTimeout", "readFile", "setInterval", "setTimeout", "writeFile"];
    expect(output).toEqual(["undefined", "undefined", own]);
  });
});
