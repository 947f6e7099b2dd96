import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { egress } from "@weft/adapters/egress/http";
import { hostPatternOf, isAllowedHost, isHostPattern } from "@weft/engine/http/hosts";
import type { HttpRequest } from "@weft/engine/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

describe("patterns of hosts", () => {
  it.each([
    ["api.example.com", "https://api.example.com/x", true],
    ["api.example.com", "https://API.example.com./x", true],
    ["api.example.com", "http://api.example.com/x", false],
    ["api.example.com", "https://api.example.com:8443/x", false],
    ["api.example.com:8443", "https://api.example.com:8443/x", true],
    ["api.example.com", "https://api.example.com.evil.org/x", false],
    ["api.example.com", "https://evil.org/api.example.com", false],
    ["api.example.com", "https://xapi.example.com/", false],
    ["*.example.com", "https://a.b.example.com/", true],
    ["*.example.com", "https://example.com/", false],
    ["*.example.com", "https://notexample.com/", false],
    ["http://127.0.0.1:4000", "http://127.0.0.1:4000/x", true],
    ["http://127.0.0.1:4000", "https://127.0.0.1:4000/x", false],
    ["http://host.example", "http://host.example:80/", true],
    ["[2001:db8::1]", "https://[2001:db8::1]/", true],
    ["*", "https://anything.example/", true],
    ["*", "http://anything.example/", false],
  ])("%s and %s: %s", (pattern, url, allowed) => {
    expect(isHostPattern(pattern)).toBe(true);
    expect(isAllowedHost(new URL(url), [pattern])).toBe(allowed);
  });

  it.each([
    "",
    "*.*.com",
    "a*.com",
    "EXAMPLE.com",
    "https://",
    "ftp://example.com",
    "example.com/path",
    "user@example.com",
    "-a.com",
  ])("refuses %j", (text) => expect(isHostPattern(text)).toBe(false));

  it("are made of a URL's own origin", () => {
    for (const text of ["https://a.example/x", "http://a.example:81/", "https://a.example:8443/", "https://[::1]/"]) {
      const url = new URL(text);
      expect(isHostPattern(hostPatternOf(url))).toBe(true);
      expect(isAllowedHost(url, [hostPatternOf(url)])).toBe(true);
    }
  });
});

describe("the way out, limited to hosts", () => {
  const seen: IncomingMessage[] = [];
  let servers: Server[];
  let first: string;
  let second: string;

  beforeAll(async () => {
    servers = [0, 1].map(() =>
      createServer((request, response) => {
        seen.push(request);
        const to = new URL(request.url ?? "/", "http://x").searchParams.get("to");
        response.writeHead(to ? 307 : 200, to ? { location: to } : {}).end("here");
      }),
    );
    for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    [first = "", second = ""] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterAll(() => Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve)))));

  const ask = (url: string, rest: Partial<HttpRequest>) => {
    seen.length = 0;
    const signal = AbortSignal.timeout(5_000);
    const request = { method: "GET", url, headers: { "X-Own": "s3cret", "X-Other": "kept" } };
    return egress({ allowLoopback: true }).request({ ...request, timeoutMs: 5_000, maxBytes: 1_000, signal, ...rest });
  };

  it("reaches an allowed host and no other", async () => {
    expect((await ask(first, { allowedHosts: [first] })).status).toBe(200);
    await expect(ask(second, { allowedHosts: [first] })).rejects.toMatchObject({ code: "host_not_allowed" });
    expect(seen).toEqual([]);
  });

  it("does not follow a redirect away from them", async () => {
    const url = `${first}/?to=${encodeURIComponent(second)}`;
    await expect(ask(url, { allowedHosts: [first] })).rejects.toMatchObject({ code: "host_not_allowed" });
    expect(seen.map(({ headers }) => headers.host)).toEqual([new URL(first).host]);
  });

  it("leaves secret headers behind on the way from one allowed host to the next", async () => {
    const url = `${first}/?to=${encodeURIComponent(second)}`;
    await ask(url, { allowedHosts: [first, second], secretHeaders: ["x-own"] });
    expect(seen.map(({ headers }) => [headers["x-own"], headers["x-other"]])).toEqual([
      ["s3cret", "kept"],
      [undefined, "kept"],
    ]);
  });
});
