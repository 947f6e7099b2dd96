import { afterAll, describe, expect, it } from "vitest";
import { runner, startSandbox } from "./support.ts";

const sandbox = startSandbox();
const run = runner(sandbox, "python");
const PATIENCE = 180_000;
afterAll(() => sandbox.close());

describe("shapes of a program", { timeout: PATIENCE }, () => {
  it("takes Coze's main, prints, sleeps, gathers and leaves files", async () => {
    const code = [
      "import asyncio, sys, datetime",
      "async def main(args: Args) -> Output:",
      "    params = args.params",
      "    print('out', params['a'])",
      "    print('err', file=sys.stderr)",
      "    await asyncio.sleep(0.01)",
      "    many = await asyncio.gather(*[asyncio.sleep(0, i) for i in range(3)])",
      "    open('note.txt', 'w', encoding='utf-8').write('héllo')",
      "    return {'sum': params['a'] + args['b'], 'many': many, 'set': {1}, 'day': datetime.date(2026, 1, 2)}",
    ].join("\n");
    const outcome = await run(code, { a: 2, b: 3 });
    const output = { sum: 5, many: [0, 1, 2], set: [1], day: "2026-01-02" };
    expect(outcome).toMatchObject({ output, stdout: "out 2\n", stderr: "err\n", exitCode: 0 });
    const [file] = outcome.files;
    expect([file?.name, Buffer.from(file?.base64 ?? "", "base64").toString("utf8")]).toEqual(["note.txt", "héllo"]);
    expect(outcome.peakMemoryBytes).toBeGreaterThan(1024 * 1024);
  });

  it("takes Dify's main with inputs by name, and defaults", async () => {
    const code = "def main(first: str, second: int, third=7) -> dict:\n    return {'all': [first, second, third]}";
    expect((await run(code, { first: "x", second: 1 })).output).toEqual({ all: ["x", 1, 7] });
  });

  it("takes a script without a main, and its exit code", async () => {
    const outcome = await run("import sys\nprint('before')\nsys.exit(3)");
    expect(outcome).toMatchObject({ output: null, stdout: "before\n", exitCode: 3, error: { code: "code_error" } });
  });
});

describe("what goes wrong", { timeout: PATIENCE }, () => {
  it.each([
    [
      "an error with its line",
      "def main(args):\n    x = 1\n    return x / 0",
      "code_error",
      3,
      "ZeroDivisionError: division by zero",
    ],
    ["a syntax error with its line", "x = 1\ndef main(:\n    pass", "syntax_error", 2, "SyntaxError: invalid syntax"],
    ["a module that is not there", "import numpy", "code_error", 1, "ModuleNotFoundError: No module named 'numpy'"],
    ["a value without JSON", "def main(args):\n    return {'a': object()}", "invalid_output", undefined, "object"],
    [
      "a number without JSON",
      "def main(args):\n    return float('nan')",
      "invalid_output",
      undefined,
      "not JSON compliant",
    ],
    ["too much output", "def main(args):\n    return 'x' * 3_000_000", "output_too_large", undefined, "bytes"],
  ])("names %s", async (_, code, error, line, message) => {
    const outcome = await run(code);
    expect(outcome).toMatchObject({ output: null, exitCode: 1, error: { code: error } });
    expect(outcome.error?.line).toBe(line);
    expect(outcome.error?.message).toContain(message);
    expect(outcome.stderr).not.toContain("yodide");
  });

  it("ends an endless loop at its time", async () => {
    const outcome = await run(
      "while True:\n    try:\n        pass\n    except BaseException:\n        pass",
      {},
      { timeoutMs: 500 },
    );
    expect(outcome).toMatchObject({ exitCode: 124, error: { code: "timeout" } });
  });

  it("holds one gigabyte, at once and bit by bit, within its memory", async () => {
    const code = [
      "def main(args):",
      "    try:",
      "        bytearray(1 << 30)",
      "    except MemoryError:",
      "        print('refused')",
      "    held = []",
      "    while True:",
      "        held.append(bytearray(1 << 20))",
    ].join("\n");
    const outcome = await run(code);
    expect(outcome).toMatchObject({ stdout: "refused\n", exitCode: 137, error: { code: "memory_exceeded" } });
    expect(outcome.peakMemoryBytes).toBeLessThan(1024 ** 3);
  });

  it("ends a program that fills the memory around it with files", async () => {
    const outcome = await run("f = open('big', 'wb')\nwhile True:\n    f.write(b'x' * (1 << 22))");
    expect(outcome.output).toBeNull();
    expect(["memory_exceeded", "code_error", "crashed"]).toContain(outcome.error?.code);
    expect(outcome.files).toEqual([]);
  });

  it("is ended by whoever asked for it", async () => {
    const controller = new AbortController();
    await sandbox.warm();
    setTimeout(() => controller.abort(), 100);
    const outcome = await run("while True:\n    pass", {}, { timeoutMs: 60_000 }, controller.signal);
    expect(outcome).toMatchObject({ exitCode: 130, error: { code: "cancelled" } });
  });
});
