import { describe, expect, it } from "vitest";
import { importsOf, sources } from "./sources.ts";

/**
 * The one place that connects to where a user's data says. What else names a way out is listed with its reason; the SDKs of
 * AWS go to AWS's own services, with the function's own rights.
 */
const CLIENT = /^packages\/adapters\/src\/egress\//;
/** The local cloud is the network that functions see on one machine. It is no part of what is deployed. */
const LOCAL = /^packages\/local\//;
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "packages/adapters/src/sandbox/child.ts": "takes the modules away from the program that it runs",
  "packages/adapters/src/sandbox/python.ts": "names the type of a pipe to its child",
  "functions/trigger/hook/address.ts": "compares addresses with lists of them",
  "functions/docs/page.ts": "is the page's own script, which runs in a browser",
};

const MODULES =
  /^(?:node:)?(?:http|https|http2|net|tls|dgram|dns|dns\/promises|inspector)$|^(?:undici|axios|got|ky|needle|superagent|request|node-fetch|cross-fetch|ws|eventsource|follow-redirects|socks|nodemailer|ioredis|pg|mysql2|tedious)(?:\/|$)/;
const GLOBALS =
  /(?<![\w.'"-])(?:globalThis\.)?(?:fetch\s*\(|new\s+(?:WebSocket|EventSource|XMLHttpRequest)\b|navigator\.sendBeacon)/;
const BINDINGS = /\bprocess\s*\.\s*binding\b|\bgetBuiltinModule\s*\(/;

const product = sources(/^(packages|functions|infra)\/.*\.(ts|js|mjs|cjs)$/).filter(({ path }) => !LOCAL.test(path));

/** Text of a file without its comments. */
const codeOf = (text: string): string => text.replaceAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, "");

function waysOut(source: (typeof product)[number]): string[] {
  const code = codeOf(source.text);
  const modules = importsOf(source).filter((name) => MODULES.test(name));
  const required = [...code.matchAll(/require\(\s*"([^"]+)"/g)]
    .map(([, name]) => name ?? "")
    .filter((name) => MODULES.test(name));
  const called = [GLOBALS, BINDINGS].flatMap((pattern) => pattern.exec(code)?.[0] ?? []);
  return [...modules, ...required, ...called];
}

describe("the way out", () => {
  it("is one: no other code opens connections or looks names up", () => {
    const found = product.filter(({ path }) => !CLIENT.test(path) && EXCEPTIONS[path] === undefined);
    expect(found.flatMap((source) => waysOut(source).map((way) => `${source.path}: ${way}`))).toEqual([]);
  });

  it("has exceptions that are there and needed", () => {
    const needed = product.filter((source) => EXCEPTIONS[source.path] !== undefined && waysOut(source).length > 0);
    expect(needed.map(({ path }) => path).sort()).toEqual(Object.keys(EXCEPTIONS).sort());
  });

  it("is seen in every form", () => {
    const forms = [
      'import { get } from "node:https";',
      'import http from "http";',
      'const { connect } = await import("node:net");',
      'import { Agent } from "undici";',
      'const net = require("node:net");',
      "const answer = await fetch(url);",
      "void globalThis.fetch(url);",
      "return new WebSocket(url);",
      'process.getBuiltinModule("net");',
    ];
    for (const text of forms) expect([text, waysOut({ path: "x.ts", text }).length]).toEqual([text, 1]);
    for (const text of [
      'import { x } from "./http.ts";',
      "// fetch(url)",
      "await prefetch(url);",
      "deps.http.request(r)",
    ]) {
      expect(waysOut({ path: "x.ts", text })).toEqual([]);
    }
  });

  it("is made in one place, and lets this machine through by that place's setting alone", () => {
    const made = product.filter(({ path, text }) => !CLIENT.test(path) && /\begress\s*\(/.test(codeOf(text)));
    expect(made.map(({ path }) => path)).toEqual(["functions/outbound.ts"]);
    const settings = product.filter(({ text }) => /WEFT_EGRESS_LOOPBACK/.test(codeOf(text)));
    expect(settings.map(({ path }) => path)).toEqual(["functions/outbound.ts"]);
    const allowed = product.filter(({ path, text }) => !CLIENT.test(path) && /allowLoopback/.test(codeOf(text)));
    expect(allowed.map(({ path }) => path)).toEqual(["functions/outbound.ts"]);
  });
});
