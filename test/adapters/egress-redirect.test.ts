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
  trustTestServer();
});
beforeEach(() => network.reset());
afterAll(() => network.close());

const ask = (url: string, rest?: Partial<HttpRequest>) => askThrough(network, url, rest);
/** Answers the first request with a redirect, and what follows with its path. */
const redirectOnce = (status: number, location: string): void => {
  network.answer = (request, response) => {
    if (network.seen.length === 1) response.writeHead(status, { location }).end("moved");
    else response.end(request.url);
  };
};
const arrived = () =>
  network.seen.map(({ scheme, request }) => `${request.method} ${scheme}://${request.headers.host}${request.url}`);

describe("rebinding", () => {
  it("finds no second look-up: the connection goes to the addresses that were checked", async () => {
    network.names["rebind.example.org"] = [[PUBLIC_V4, "2a00:1450:4001::1"], ["127.0.0.1"]];
    expect((await ask("http://rebind.example.org/")).status).toBe(200);
    expect(network.lookups).toEqual(["rebind.example.org"]);
    expect(network.dials).toEqual([{ addresses: [PUBLIC_V4, "2a00:1450:4001::1"], port: 80 }]);
    // The next request asks again, and sees what has changed.
    expect(await reasonOf(ask("http://rebind.example.org/"))).toBe("address_refused loopback");
    expect(network.dials).toHaveLength(1);
  });

  it("is seen at each redirect, to the same name too", async () => {
    network.names["rebind.example.org"] = [[PUBLIC_V4], [PUBLIC_V4], ["169.254.169.254"]];
    network.answer = (_request, response) => void response.writeHead(302, { location: "/again" }).end();
    expect(await reasonOf(ask("http://rebind.example.org/"))).toBe("address_refused metadata");
    expect(network.dials).toHaveLength(2);
  });
});

describe("redirects to what is refused", () => {
  const locations: readonly (readonly [reason: string, location: string])[] = [
    ["address_refused loopback", "http://127.0.0.1/"],
    ["address_refused loopback", "//127.0.0.1/x"],
    ["address_refused loopback", "//2130706433"],
    ["address_refused metadata", "http://169.254.169.254/latest/meta-data/"],
    ["address_refused metadata", "http://[fd00:ec2::254]/"],
    ["address_refused mapped", "http://[::ffff:127.0.0.1]/"],
    ["address_refused local_name", "http://localhost/"],
    ["address_refused private", "https://inside.example.org/"],
    ["address_refused port", "http://example.com:25/"],
    ["invalid_url scheme", "file:///etc/passwd"],
    ["invalid_url scheme", "gopher://127.0.0.1:6379/_x"],
    ["invalid_url scheme", "ftp://example.com/"],
    ["invalid_url scheme", "data:text/plain,x"],
    ["invalid_url credentials", "http://a:b@example.com/"],
    ["invalid_url backslash", "http:\\\\127.0.0.1\\"],
    ["invalid_url backslash", "\\\\127.0.0.1\\x"],
    ["invalid_url control_character", "http://127.0.0.1\t/"],
    ["invalid_url syntax", "http://[::1"],
  ];

  it.each([301, 302, 303, 307, 308])("%i", async (status) => {
    for (const [reason, location] of locations) {
      network.reset();
      network.names["inside.example.org"] = [["10.0.0.1"]];
      network.answer = (_request, response) => void response.writeHead(status, { location }).end();
      expect([location, await reasonOf(ask("http://example.com/"))]).toEqual([location, reason]);
      expect(network.dials).toHaveLength(1);
    }
  });

  it("are seen after others", async () => {
    const chain = ["/2", "https://a.example.com/3", "//b.example.com/4", "http://10.0.0.1/"];
    network.answer = (request, response) => {
      const at = Number(request.url?.slice(1) || 1);
      response.writeHead(302, { location: chain[at - 1] }).end();
    };
    expect(await reasonOf(ask("https://example.com/1"))).toBe("address_refused private");
    expect(network.seen.map(({ scheme, request }) => `${scheme}://${request.headers.host}${request.url}`)).toEqual([
      "https://example.com/1",
      "https://example.com/2",
      "https://a.example.com/3",
      "https://b.example.com/4",
    ]);
  });
});

describe("redirects that are followed", () => {
  it.each([
    ["/b?c", "http://example.com/b?c"],
    ["b", "http://example.com/a/b"],
    ["?q", "http://example.com/a/?q"],
    ["//other.example.com/x", "http://other.example.com/x"],
    ["https://example.com/x", "https://example.com/x"],
    ["HTTP://EXAMPLE.com:80/x#y", "http://example.com/x"],
  ])("to %s", async (location, to) => {
    redirectOnce(302, location);
    expect((await ask("http://example.com/a/")).status).toBe(200);
    expect(arrived()[1]).toBe(`GET ${to}`);
    expect(network.dials).toHaveLength(2);
  });

  it.each([
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [303, "POST", "GET"],
    [303, "PUT", "GET"],
    [303, "HEAD", "HEAD"],
    [301, "PUT", "PUT"],
    [302, "DELETE", "DELETE"],
    [307, "POST", "POST"],
    [308, "PATCH", "PATCH"],
  ])("%i of %s becomes %s", async (status, method, then) => {
    redirectOnce(status, "/next");
    const headers = { "Content-Type": "text/plain", "Content-Language": "en", "X-Kept": "1" };
    await ask("http://example.com/", { method, headers, ...(method === "HEAD" ? {} : { body: "body" }) });
    const [, second] = network.seen;
    const keepsBody = method === then && method !== "HEAD";
    expect([second?.request.method, await second?.body]).toEqual([then, keepsBody ? "body" : ""]);
    expect(second?.request.headers).toMatchObject({ "x-kept": "1" });
    if (then === "GET") {
      for (const name of ["content-type", "content-language", "content-length", "transfer-encoding"]) {
        expect(second?.request.headers).not.toHaveProperty(name);
      }
    }
  });

  it("end after five, a loop too", async () => {
    network.answer = (request, response) => void response.writeHead(302, { location: request.url }).end();
    await expect(ask("http://example.com/")).rejects.toMatchObject({
      code: "too_many_redirects",
      retryable: false,
      details: { limit: "redirects", max: 5 },
    });
    expect(network.seen).toHaveLength(6);
  });

  it.each([300, 304, 305, 306])("are not %i, nor one without a Location", async (status) => {
    network.answer = (_request, response) => void response.writeHead(status, { location: "http://127.0.0.1/" }).end();
    expect((await ask("http://example.com/")).status).toBe(status);
    network.answer = (_request, response) => void response.writeHead(302).end("no way");
    expect(await ask("http://example.com/")).toMatchObject({ status: 302, body: Buffer.from("no way") });
  });

  it("do not read what comes with them", async () => {
    network.answer = (_request, response) => {
      if (network.seen.length > 1) return void response.end("x");
      response.writeHead(302, { location: "/next" });
      const more = (): void => void (response.destroyed || response.write("y".repeat(60_000), more));
      more();
    };
    expect((await ask("http://example.com/", { maxBytes: 1 })).body.toString()).toBe("x");
  });
});

describe("secrets on a redirect", () => {
  const headers = {
    Authorization: "Bearer s",
    Cookie: "a=s",
    "X-API-Key": "s",
    "x-auth-token": "s",
    "X-Amz-Signature": "s",
    "X-Own": "s",
    "X-Plain": "kept",
    "Idempotency-Key": "kept",
  };
  const secretHeaders = ["x-own"];
  const carried = (at: number) =>
    Object.keys(headers).filter((name) => network.seen[at]?.request.headers[name.toLowerCase()]);

  it.each([
    ["https://example.com/x", "/y", true],
    ["https://example.com/x", "https://other.example.com/y", false],
    ["https://example.com/x", "https://example.com:8443/y", false],
    ["http://example.com/x", "https://example.com/y", false],
    ["http://example.com/x", "http://example.com:8080/y", false],
    ["http://example.com/x", "//example.com/y", true],
  ])("from %s to %s: %s", async (url, location, keeps) => {
    redirectOnce(307, location);
    expect((await ask(url, { headers, secretHeaders })).status).toBe(200);
    expect(carried(0)).toEqual(Object.keys(headers));
    expect(carried(1)).toEqual(keeps ? Object.keys(headers) : ["X-Plain", "Idempotency-Key"]);
  });

  it("do not come back with a redirect back", async () => {
    const hops = ["https://other.example.com/", "https://example.com/end"];
    network.answer = (_request, response) => {
      const location = hops[network.seen.length - 1];
      response.writeHead(location ? 302 : 200, location ? { location } : {}).end();
    };
    await ask("https://example.com/", { headers, secretHeaders });
    expect(network.seen).toHaveLength(3);
    expect(carried(2)).toEqual(["X-Plain", "Idempotency-Key"]);
  });

  it("never go from HTTPS to HTTP, and a request that has none may", async () => {
    for (const [name, value] of Object.entries(headers).slice(0, 6)) {
      network.reset();
      redirectOnce(302, "http://example.com/");
      const asked = ask("https://example.com/", { headers: { [name]: value }, secretHeaders });
      expect([name, await reasonOf(asked)]).toEqual([name, "redirect_refused downgrade"]);
      expect(network.dials).toHaveLength(1);
    }
    network.reset();
    redirectOnce(302, "http://example.com/");
    expect((await ask("https://example.com/", { headers: { "X-Plain": "kept" } })).status).toBe(200);
  });

  it("stay with the allowed hosts, which are asked about before a name is looked up", async () => {
    redirectOnce(302, "https://evil.example.com/");
    const asked = ask("https://api.example.com/", { allowedHosts: ["api.example.com"] });
    expect(await reasonOf(asked)).toBe("host_not_allowed");
    expect(network.lookups).toEqual(["api.example.com"]);
  });
});
