import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { internet } from "@weft/adapters/egress/network";
import type { HttpRequest } from "@weft/engine/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  askThrough,
  PUBLIC_V4,
  reasonOf,
  startNetwork,
  type TestNetwork,
  trustTestServer,
} from "../support/egress-network.ts";

let network: TestNetwork;
beforeAll(async () => {
  network = await startNetwork();
});
beforeEach(() => network.reset());
afterAll(() => network.close());

const ask = (url: string, rest?: Partial<HttpRequest>) => askThrough(network, url, rest);
const URL_OF_ALL = "http://example.com/";

describe("headers", () => {
  it.each([
    ["Host", "127.0.0.1"],
    ["HOST", "other.example.com"],
    ["Host", "example.com\r\nX-Evil: 1"],
    ["Transfer-Encoding", "chunked"],
    ["transfer-encoding", "identity"],
    ["Content-Length", "0"],
    ["Content-Length", "5, 5"],
    ["Connection", "Upgrade"],
    ["Connection", "close, X-Plain"],
    ["Upgrade", "websocket"],
    ["HTTP2-Settings", "x"],
    ["Keep-Alive", "timeout=5"],
    ["TE", "trailers"],
    ["Trailer", "X-Plain"],
    ["Expect", "100-continue"],
    ["Proxy-Authorization", "Basic x"],
    ["Proxy-Connection", "keep-alive"],
  ])("of the client's own are refused: %s: %j", async (name, value) => {
    const asked = ask(URL_OF_ALL, { method: "POST", body: "12345", headers: { "X-Plain": "1", [name]: value } });
    expect(await reasonOf(asked)).toMatch(/^invalid_header (own_header|syntax)$/);
    expect(network.lookups).toEqual([]);
  });

  it.each([
    ["X-A", "1\r\nX-Evil: 1"],
    ["X-A", "1\nX-Evil: 1"],
    ["X-A", "1\rX-Evil: 1"],
    ["X-A", "\u0000"],
    ["X-A", "\u010a\u010d"],
    ["X-A\r\nX-Evil", "1"],
    ["X-A: 1", "1"],
    ["X A", "1"],
    ["", "1"],
    ["Transfer-Encoding ", "chunked"],
    ["\tHost", "x"],
  ])("that would become others are refused: %j: %j", async (name, value) => {
    expect(await reasonOf(ask(URL_OF_ALL, { headers: { [name]: value } }))).toBe("invalid_header syntax");
    expect(network.lookups).toEqual([]);
  });

  it("that say what the client says are left to it", async () => {
    const headers = { Host: "EXAMPLE.com", "Content-Length": "5", Connection: "keep-alive", "X-Plain": "\t1 \u00e9" };
    await ask(URL_OF_ALL, { method: "POST", body: "12345", headers });
    const [first] = network.seen;
    expect(await first?.body).toBe("12345");
    const raw = first?.request.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(raw?.sort()).toEqual(["accept-encoding", "connection", "content-length", "host", "x-plain"]);
    expect(first?.request.headers).toMatchObject({ host: "example.com", connection: "close", "content-length": "5" });
  });

  it("have a bound", async () => {
    const asked = ask(URL_OF_ALL, { headers: { "X-A": "a".repeat(40_000) } });
    await expect(asked).rejects.toMatchObject({ code: "too_large", details: { limit: "request_headers" } });
  });

  it.each(["CONNECT", "TRACE", "TRACK", "GET\r\nX: 1", "get", "", "GET /x"])("go with no method %j", async (method) => {
    expect(await reasonOf(ask(URL_OF_ALL, { method }))).toBe("invalid_request method");
    expect(network.lookups).toEqual([]);
  });
});

describe("connections", () => {
  it("serve one request each", async () => {
    network.answer = (_request, response) => void response.setHeader("connection", "keep-alive").end("x");
    await Promise.all([ask(URL_OF_ALL), ask(URL_OF_ALL)]);
    await ask(URL_OF_ALL);
    expect(new Set(network.seen.map(({ request }) => request.socket)).size).toBe(3);
    expect(network.sockets).toHaveLength(3);
    for (const socket of network.sockets) expect(socket.destroyed).toBe(true);
  });

  it("with TLS go to a server that proves its name, whatever the environment says", async () => {
    const failed = { code: "unreachable", details: { phase: "connect" } };
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    try {
      await expect(ask("https://example.com/")).rejects.toMatchObject(failed);
      trustTestServer();
      expect((await ask("https://example.com/")).status).toBe(200);
      await expect(ask("https://example.net/")).rejects.toMatchObject(failed);
      await expect(ask("https://198.41.0.5/")).rejects.toMatchObject(failed);
      expect((await ask("https://198.41.0.4/")).status).toBe(200);
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    expect(network.seen).toHaveLength(2);
    for (const socket of network.sockets) expect(socket.destroyed).toBe(true);
  });

  it("say how far they came", async () => {
    network.names["none.example.com"] = [[]];
    await expect(ask("http://none.example.com/")).rejects.toMatchObject({
      code: "unreachable",
      retryable: true,
      details: { phase: "resolve" },
    });
    // Behind a redirect something had been received.
    network.answer = (_request, response) =>
      void response.writeHead(307, { location: "http://none.example.com/" }).end();
    await expect(ask(URL_OF_ALL)).rejects.toMatchObject({ code: "unreachable", details: { phase: "exchange" } });
    network.answer = (request) => void request.socket.destroy();
    await expect(ask(URL_OF_ALL)).rejects.toMatchObject({ code: "unreachable", details: { phase: "exchange" } });
    network.answer = (_request, response) =>
      void response.writeHead(200, { "content-length": "9" }).write("x", () => response.destroy());
    await expect(ask(URL_OF_ALL)).rejects.toMatchObject({ code: "unreachable", details: { phase: "exchange" } });
    network.answer = (request) =>
      void request.socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    await expect(ask(URL_OF_ALL)).rejects.toMatchObject({ code: "unreachable" });
    network.answer = (request) => void request.socket.end("SSH-2.0-OpenSSH\r\n");
    await expect(ask(URL_OF_ALL)).rejects.toMatchObject({ code: "unreachable" });
  });
});

describe("on the machine's own network", () => {
  let server: Server;
  let proxy: Server;
  let port = 0;
  const proxied: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => void response.end(request.headers.host));
    proxy = createServer((request, response) => {
      proxied.push(request.url ?? "");
      response.end("proxied");
    });
    for (const one of [server, proxy]) await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => Promise.all([server, proxy].map((one) => new Promise((resolve) => one.close(resolve)))));

  it("a connection goes to the checked addresses, to the next where one does not answer", async () => {
    for (const addresses of [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]]) {
      const pinned = { ...internet, lookup: async () => addresses.map((address) => ({ address, family: 4 })) };
      const { body } = await askThrough(pinned, `http://never.resolved.example.com:${port}/`, {}, true);
      expect(body.toString()).toBe(`never.resolved.example.com:${port}`);
    }
    expect(await internet.lookup("127.0.0.1")).toEqual([{ address: "127.0.0.1", family: 4 }]);
  });

  it("a port where nobody listens is told from an answer that did not come", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const free = (closed.address() as AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    await expect(askThrough(internet, `http://127.0.0.1:${free}/`, {}, true)).rejects.toMatchObject({
      code: "unreachable",
      message: "the request failed: ECONNREFUSED",
      details: { phase: "connect" },
    });
  });

  it("a proxy of the environment has no part in it", async () => {
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    const env = {
      ...process.env,
      ...Object.fromEntries(names.map((name) => [name, address])),
      NODE_USE_ENV_PROXY: "1",
      NO_PROXY: "",
    };
    const program = `
      import { get } from "node:http";
      import { egress } from "@weft/adapters/egress/http";
      const url = "http://127.0.0.1:${port}/";
      const signal = new AbortController().signal;
      const asked = { method: "GET", url, headers: {}, timeoutMs: 20000, maxBytes: 1000, signal };
      const ours = await egress({ allowLoopback: true }).request(asked);
      get(url, async (answer) => {
        const others = (await answer.toArray()).join("");
        console.log(JSON.stringify([ours.body.toString(), others]));
      });`;
    const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    // The second says that there was a proxy to be used.
    expect(JSON.parse(stdout)).toEqual([`127.0.0.1:${port}`, "proxied"]);
    expect(proxied).toHaveLength(1);
  });
});

it("a name is looked up once for a request", async () => {
  await ask(URL_OF_ALL);
  expect([network.lookups, network.dials]).toEqual([["example.com"], [{ addresses: [PUBLIC_V4], port: 80 }]]);
});
