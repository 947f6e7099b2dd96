/**
 * One Python program in a process of its own. It loads Pyodide, takes away everything of Node that the program could reach,
 * says `ready`, reads one job from its standard input, writes the outcome and ends. It is started with Node's permission
 * model on (no files but the interpreter's, no processes, no threads, no addons), with no code from strings, an empty
 * environment and a bounded WebAssembly memory.
 */

import childProcess from "node:child_process";
import dgram from "node:dgram";
import dns from "node:dns";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
/**
 * One Python program in a process of its own. It loads Pyodide, takes away everything of Node that the program could reach,
 * says `ready`, reads one job from its standard input, writes the outcome and ends. It is started with Node's permission
 * model on (no files but the interpreter's, no processes, no threads, no addons), with no code from strings, an empty
 * environment and a bounded WebAssembly memory.
 */
import module, { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import tls from "node:tls";
import worker from "node:worker_threads";
import { MAX_CODE_FILE_BYTES, MAX_CODE_FILES, MAX_CODE_IO_BYTES } from "@weft/engine/code";
import type { PyodideInterface } from "pyodide";
import { PYTHON_BOOT, PYTHON_IMPORTS } from "./python-boot.ts";
import { TextSink } from "./text-sink.ts";

/** Nothing of Node looks at this descriptor, so it stays one that blocks. */
const CHANNEL = 3;
const JOB = "/tmp/job.json";
const WORK = "/space";
const READ_BYTES = 64 * 1024;

/** What JavaScript itself is, and the clocks, text coders and random numbers that the interpreter lives on. */
const KEPT_GLOBALS = new Set([
  ...["globalThis", "Object", "Function", "Array", "Number", "parseFloat", "parseInt", "Infinity", "NaN", "undefined"],
  ...["Boolean", "String", "Symbol", "Date", "Promise", "RegExp", "Error", "AggregateError", "EvalError", "RangeError"],
  ...["ReferenceError", "SyntaxError", "TypeError", "URIError", "JSON", "Math", "Intl", "ArrayBuffer", "Atomics"],
  ...["Uint8Array", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array", "Int32Array", "Float32Array"],
  ...[
    "Float64Array",
    "Float16Array",
    "Uint8ClampedArray",
    "BigUint64Array",
    "BigInt64Array",
    "DataView",
    "Map",
    "BigInt",
  ],
  ...["Set", "Iterator", "WeakMap", "WeakSet", "WeakRef", "Proxy", "Reflect", "FinalizationRegistry", "decodeURI"],
  ...["decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape", "isFinite", "isNaN"],
  ...["performance", "crypto", "TextEncoder", "TextDecoder", "SuppressedError", "DisposableStack"],
]);

/** Ends the process with nothing in between; Node's own `exit` runs through this. */
const exit = (process as unknown as { reallyExit(code: number): never }).reallyExit.bind(process);
const cpuUsage = process.cpuUsage.bind(process);
const resourceUsage = process.resourceUsage.bind(process);
const { readSync, writeSync } = fs;
const encoder = new TextEncoder();
const { stringify, parse } = JSON;
const now = performance.now.bind(performance);

function refuse(): never {
  throw new Error("not available to a program");
}

/** Replaces every function of a built-in module. */
function disarm(target: object, keep: readonly string[] = []): void {
  for (const name of Object.getOwnPropertyNames(target)) {
    if (keep.includes(name)) continue;
    const found = Object.getOwnPropertyDescriptor(target, name);
    if (typeof found?.value === "function" && found.configurable) {
      Object.defineProperty(target, name, { ...found, value: refuse });
    }
  }
}

/** Pyodide asks for flags of the host's file system, by an interface that the permission model closes. */
function fakeBinding(): void {
  Object.assign(process, { binding: () => ({ fs: fs.constants }) });
}

/** After this, JavaScript that the program might reach can do nothing but compute. */
function lock(): void {
  disarm(net.Socket.prototype, ["constructor"]);
  disarm(net.Server.prototype, ["constructor"]);
  for (const target of [childProcess, net, tls, dgram, dns, dns.promises, http, https, worker]) disarm(target);
  for (const name of ["_load", "_resolveFilename", "createRequire", "register"]) {
    if (name in module) Object.defineProperty(module, name, { value: refuse });
  }
  module.registerHooks({ resolve: refuse, load: refuse });
  syncBuiltinESMExports();
  for (const name of Reflect.ownKeys(process)) {
    const found = Object.getOwnPropertyDescriptor(process, name);
    if (typeof found?.value === "function" && found.configurable) Reflect.deleteProperty(process, name);
  }
  for (const name of Reflect.ownKeys(globalThis)) {
    if (typeof name === "string" && !KEPT_GLOBALS.has(name)) Reflect.deleteProperty(globalThis, name);
  }
  // The interpreter reports its own trouble here.
  Object.assign(globalThis, { console: Object.freeze({ log() {}, warn() {}, error() {}, info() {}, debug() {} }) });
  // Call sites would lead to functions of the host.
  Object.defineProperty(Error, "prepareStackTrace", { value: undefined, writable: false, configurable: false });
  Object.defineProperty(Error, "stackTraceLimit", { value: 0, writable: false, configurable: false });
}

/** Fills `target` from the channel. Throws where it ends before. */
function readExactly(target: Uint8Array): Uint8Array {
  for (let at = 0; at < target.length; ) {
    const count = readSync(CHANNEL, target, at, target.length - at, null);
    if (count === 0) throw new Error("the channel ended");
    at += count;
  }
  return target;
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(CHANNEL, bytes, at);
}

/** The image of a started interpreter that the parent sends first, its length before it; undefined where it is empty. */
function readImage(): Uint8Array | undefined {
  const length = new DataView(readExactly(new Uint8Array(4)).buffer).getUint32(0);
  return length === 0 ? undefined : readExactly(new Uint8Array(length));
}

/** Starts the interpreter once, for others to start from where it is then. */
async function makeImage(folder: string): Promise<void> {
  const python = await loadPython(folder, { _makeSnapshot: true });
  python.runPython(PYTHON_IMPORTS);
  const image = python.makeMemorySnapshot();
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, image.length);
  writeAll(length);
  writeAll(image);
  exit(0);
}

/** Blocks until one line came; undefined when the parent is gone. */
function readLine(): string | undefined {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const count = readSync(CHANNEL, buffer);
    if (count === 0) return undefined;
    chunks.push(buffer.slice(0, count));
    if (buffer[count - 1] === 10) break;
  }
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return new TextDecoder().decode(whole);
}

function writeLine(text: string): void {
  writeAll(encoder.encode(`${text}\n`));
}

async function loadPython(folder: string, snapshot: object): Promise<PyodideInterface> {
  const { loadPyodide } = (await import(`${folder}pyodide.mjs`)) as typeof import("pyodide");
  return loadPyodide({
    env: { HOME: WORK },
    jsglobals: Object.create(null) as object,
    fullStdLib: false,
    packageBaseUrl: "about:blank",
    ...snapshot,
  });
}

async function main(): Promise<void> {
  fakeBinding();
  const [, , folder = "", mode] = process.argv;
  if (mode === "image") await makeImage(folder);
  const image = readImage();
  const python = await loadPython(folder, image ? { _loadSnapshot: image } : {});
  const streams = { stdout: new TextSink(), stderr: new TextSink() };
  const into = (sink: TextSink) => ({
    write: (chunk: Uint8Array) => {
      sink.write(chunk);
      return chunk.length;
    },
  });
  python.setStdout(into(streams.stdout));
  python.setStderr(into(streams.stderr));
  python.setStdin({ stdin: () => null });
  const boot = python.runPython(PYTHON_BOOT) as (...args: unknown[]) => () => string;
  const serve = boot(JOB, WORK, MAX_CODE_IO_BYTES, MAX_CODE_FILE_BYTES, MAX_CODE_FILES);
  lock();
  writeLine("ready");
  const line = readLine();
  if (line === undefined) exit(0);
  python.FS.writeFile(JOB, line as string);
  const began = now();
  const cpu = cpuUsage();
  const measure = () => {
    const { user, system } = cpuUsage(cpu);
    const peakMemoryBytes = resourceUsage().maxRSS * 1024;
    return { durationMs: Math.round(now() - began), cpuMs: Math.round((user + system) / 1000), peakMemoryBytes };
  };
  const text = () => ({ stdout: streams.stdout.text(), stderr: streams.stderr.text() });
  try {
    const result = parse(serve()) as object;
    writeLine(stringify({ ...result, ...text(), ...measure() }));
  } catch (thrown) {
    const message = String((thrown as { message?: unknown } | null)?.message ?? thrown).slice(0, 500);
    const error = { code: "crashed", message: `the program ended the interpreter: ${message}` };
    writeLine(stringify({ output: "null", exitCode: 137, files: [], error, ...text(), ...measure() }));
  }
  exit(0);
}

await main();
