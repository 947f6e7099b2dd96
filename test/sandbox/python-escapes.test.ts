import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runner, startSandbox } from "./support.ts";

const sandbox = startSandbox();
const run = runner(sandbox, "python");
const PATIENCE = 180_000;
let hits = 0;
const server = createServer((_request, response) => {
  hits += 1;
  response.end("reached");
});
let port = 0;
beforeAll(async () => {
  process.env.WEFT_TEST_CANARY = "canary-of-the-host";
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  server.close();
  await sandbox.close();
});

/** Runs attempts one after another in one program; each gives `result` or the error that stopped it. */
async function attempts(lines: readonly string[]): Promise<string[]> {
  const code = [
    "import sys, gc, json",
    "def main(args):",
    "    seen = []",
    "    for text in args.params['attempts']:",
    "        scope = {'sys': sys, 'gc': gc, 'port': args.params['port']}",
    "        try:",
    "            exec(text, scope)",
    "            seen.append('GOT ' + str(scope.get('result'))[:2000])",
    "        except BaseException as error:",
    "            seen.append(type(error).__name__ + ': ' + str(error)[:500])",
    "    return seen",
  ].join("\n");
  const outcome = await run(code, { attempts: lines, port });
  if (outcome.error) throw new Error(`the attempts ended the program: ${outcome.error.message} ${outcome.stderr}`);
  return outcome.output as string[];
}

/** What an attempt is that takes our import guard away first. */
const UNGUARD = "sys.meta_path[:] = [f for f in sys.meta_path if getattr(f, '__name__', '') != 'Closed']";

describe("the bridge to JavaScript", { timeout: PATIENCE }, () => {
  const direct = [
    "import js",
    "from pyodide.code import run_js; result = run_js(\"process.getBuiltinModule('node:child_process').execSync('id')\")",
    "import pyodide_js; result = pyodide_js.loadPackage.constructor('return process')()",
    "import pyodide_js._api",
    "import _pyodide_core",
    "import _pyodide._importhook",
    "import pyodide.http; result = pyodide.http.open_url('http://127.0.0.1')",
    "import micropip",
    "import ctypes; result = ctypes.CDLL(None).system(b'id')",
  ];

  it("cannot be imported", async () => {
    for (const seen of await attempts(direct)) expect(seen).toMatch(/^ImportError: .* is not available to a program/);
  });

  it("is held by nothing that Python can find", async () => {
    const proxies = "type(type(%)).__name__ == '_JsProxyMetaClass'";
    const seen = await attempts([
      `result = [str(type(o)) for o in gc.get_objects() if ${proxies.replace("%", "o")}]`,
      `result = [str(type(o)) for o in gc.get_objects() for r in gc.get_referents(o) if ${proxies.replace("%", "r")}]`,
      "result = sorted(n for n in sys.modules if 'pyodide' in n or n == 'js')",
      "result = [m for f in sys.meta_path for m in [type(f).__module__] if 'pyodide' in m]",
      "import js_missing",
    ]);
    expect(seen).toEqual(["GOT []", "GOT []", "GOT []", "GOT []", expect.stringMatching(/^ModuleNotFoundError/)]);
  });

  it("leads to nothing where somebody gets it back all the same", async () => {
    const core =
      "import importlib.machinery as m, _imp; core = _imp.create_builtin(m.ModuleSpec('_pyodide_core', m.BuiltinImporter))";
    const again = `${UNGUARD}; import _pyodide_core as core; from pyodide.ffi import create_proxy; p = create_proxy(print)`;
    const seen = await attempts([
      `${core}; result = 'core'`,
      `${UNGUARD}; import pyodide.code; result = pyodide.code.run_js('1+1')`,
      `${again}; result = p.constructor.constructor('return process')()`,
      `${again}; result = p.destroy.constructor('return globalThis.process')()`,
      `${again}; result = p.toString.constructor.constructor('return this')().process`,
      `${again}; result = p.then.constructor('return import("node:fs")')()`,
      `${UNGUARD}; import js; result = [n for n in ('process', 'fetch', 'require', 'WebSocket', 'WebAssembly') if hasattr(js, n)]`,
      `${UNGUARD}; import pyodide_js; result = dir(pyodide_js)`,
      "result = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'JsProxy'][0]()",
    ]);
    for (const text of seen.slice(1)) expect(text).not.toMatch(/^GOT (?!\[\]$)/);
  });
});

describe("the machine", { timeout: PATIENCE }, () => {
  it("cannot be commanded", async () => {
    const seen = await attempts([
      "import os; result = os.system('id')",
      "result = __import__('os').popen('id').read()",
      "import subprocess; result = subprocess.run(['id'], capture_output=True).stdout",
      "import posix; result = posix.fork()",
      "import posix; result = posix.system('id')",
      "import os; result = os.execv('/bin/sh', ['sh'])",
      "import os, signal; result = os.kill(os.getppid(), signal.SIGKILL)",
      "import _posixsubprocess; result = _posixsubprocess.fork_exec([b'id'], [b'/usr/bin/id'], True, (), None, None, -1, -1, -1, -1, -1, -1, -1, -1, True, False, 0, None, None, None, -1, None)",
      "import threading; t = threading.Thread(target=print); t.start(); result = 'thread'",
      "import multiprocessing; p = multiprocessing.Process(target=print); p.start(); result = 'process'",
    ]);
    for (const text of seen) expect(text).not.toMatch(/^GOT/);
  });

  it("shows no file, no variable and no credential", async () => {
    const seen = await attempts([
      "result = open('/etc/passwd').read()",
      "result = open('/proc/self/environ').read()",
      "result = open('/proc/self/maps').read()",
      "import os; result = sorted(os.listdir('/'))",
      "import os; result = sorted(os.environ)",
      "import os; result = os.getenv('PATH')",
      "import os; result = os.readlink('/proc/self/exe')",
      "import os; os.mkdir('/tmp/x'); os.symlink('/etc', '/tmp/x/etc'); result = os.listdir('/tmp/x/etc')",
    ]);
    expect(seen[3]).toBe("GOT ['dev', 'home', 'lib', 'proc', 'space', 'tmp']");
    expect(seen[4]).toBe("GOT ['HOME', 'LANG']");
    expect(seen[5]).toBe("GOT None");
    for (const at of [0, 1, 2, 7]) expect(seen[at]).toMatch(/^FileNotFoundError/);
    expect(seen.join()).not.toContain("canary-of-the-host");
  });

  it("has no network", async () => {
    const seen = await attempts([
      "import socket; result = socket.create_connection(('127.0.0.1', port), 2)",
      "import urllib.request; result = urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=2).read()",
      "import http.client; c = http.client.HTTPConnection('127.0.0.1', port, timeout=2); c.request('GET', '/'); result = c.getresponse().read()",
      "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', port)); result = s.recv(1)",
    ]);
    for (const text of seen) expect(text).not.toMatch(/^GOT/);
    expect(hits).toBe(0);
  });

  it.each([
    ["native code by the loader", `import sys\n${UNGUARD}\nimport ctypes\nprint(ctypes.CDLL(None).system(b'id'))`],
    [
      "JavaScript by the loader",
      `import sys\n${UNGUARD}\nimport ctypes\nctypes.CDLL(None).emscripten_run_script(b'globalThis.x = 1')\nprint('ran')`,
    ],
    ["a listening socket", "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\ns.accept()"],
    ["the end of the interpreter", `import sys\n${UNGUARD}\nimport _pyodide_core\n_pyodide_core.trigger_fatal_error()`],
    ["a broken stack", "import sys\nsys.setrecursionlimit(10**8)\ndef f():\n    return [f()]\nf()"],
  ])("survives %s, and gives nothing for it", async (_, code) => {
    const { output, error, stdout } = await run(code, {}, { timeoutMs: 20_000 });
    expect(output).toBeNull();
    expect(error).toBeDefined();
    expect(stdout).not.toMatch(/uid=|ran/);
    expect((await run("def main(args):\n    return 1")).output).toBe(1);
  });
});

describe("tenants", { timeout: PATIENCE }, () => {
  it("see nothing of each other", async () => {
    const leave =
      "import builtins, sys, json, os\nbuiltins.leak = 'a'\nsys.leak = 'b'\njson.dumps = lambda *a, **k: 'c'\nos.environ['LEAK'] = 'd'\n" +
      "open('leak.txt', 'w').write('e')\nopen('/tmp/leak.txt', 'w').write('f')";
    await run(leave);
    const code =
      "import builtins, sys, json, os\ndef main(args):\n    return [hasattr(builtins, 'leak'), hasattr(sys, 'leak'), json.dumps(1), " +
      "os.getenv('LEAK'), os.listdir('.'), os.path.exists('/tmp/leak.txt')]";
    expect((await run(code)).output).toEqual([false, false, "1", null, [], false]);
  });

  it("do not share random numbers", async () => {
    const code =
      "import random, secrets, uuid\ndef main(args):\n    return [random.random(), secrets.token_hex(8), str(uuid.uuid4())]";
    const [first, second] = [(await run(code)).output, (await run(code)).output] as [unknown[], unknown[]];
    expect(first).toHaveLength(3);
    for (const [at, value] of first.entries()) expect(second[at]).not.toBe(value);
  });
});
