import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import * as zlib from "node:zlib";
import { egress } from "@weft/adapters/egress/http";
import type { Network } from "@weft/adapters/egress/network";
import type { HttpRequest } from "@weft/engine/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { askThrough, requestFor, startNetwork, type TestNetwork } from "../support/egress-network.ts";

let network: TestNetwork;
beforeAll(async () => {
  network = await startNetwork();
});
beforeEach(() => network.reset());
afterAll(() => network.close());

const ADDRESS = "http://example.com/";
const ask = (rest?: Partial<HttpRequest>, over: Network = network) => askThrough(over, ADDRESS, rest);
const stream = (rest?: Partial<HttpRequest>) => egress({ network }).stream({ ...requestFor(ADDRESS), ...rest });
const answerWith = (body: Uint8Array | string, headers: Record<string, string> = {}): void => {
  network.answer = (_request, response) => void response.writeHead(200, headers).end(body);
};
/** Writes until the other side is gone, and says how much that was. */
function endless(response: ServerResponse, chunk: string | Buffer): { written(): number; gone: Promise<void> } {
  let written = 0;
  const more = (): void => {
    if (response.destroyed) return;
    written += chunk.length;
    response.write(chunk, more);
  };
  more();
  return { written: () => written, gone: new Promise((resolve) => response.once("close", resolve)) };
}
const tooLarge = (limit: string) => ({ code: "too_large", retryable: false, details: { limit } });
/** Never looks a name up, or never connects. */
const NEVER = new Promise<never>(() => undefined);

describe("sizes", () => {
  it("of an answer: up to the bound and not one byte more", async () => {
    answerWith("x".repeat(1_000));
    expect((await ask({ maxBytes: 1_000 })).body).toHaveLength(1_000);
    await expect(ask({ maxBytes: 999 })).rejects.toMatchObject(tooLarge("response_body"));
  });

  it("of an answer without end: it is not read on", async () => {
    let sent: ReturnType<typeof endless> | undefined;
    network.answer = (_request, response) => {
      sent = endless(response, "x".repeat(16_000));
    };
    await expect(ask()).rejects.toMatchObject(tooLarge("response_body"));
    await sent?.gone;
    // What fits the buffers of both sides, and no more.
    expect(sent?.written()).toBeLessThan(20_000_000);
  });

  it("of the answer's headers", async () => {
    answerWith("x", { "x-a": "a".repeat(40_000) });
    await expect(ask()).rejects.toMatchObject(tooLarge("response_headers"));
    answerWith("x", { "x-a": "a".repeat(20_000) });
    expect((await ask()).headers["x-a"]).toHaveLength(20_000);
  });

  it("of what is sent", async () => {
    const body = new Uint8Array(32 * 1024 * 1024 + 1);
    await expect(ask({ method: "POST", body })).rejects.toMatchObject(tooLarge("request_body"));
    expect(network.lookups).toEqual([]);
  });
});

const CODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  "x-gzip": (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};

describe("encoded answers", () => {
  it.each(Object.entries(CODERS))("%s is decoded, and bounded by what it becomes", async (coding, encode) => {
    const text = `${"täglich ".repeat(900)}`;
    answerWith(encode(Buffer.from(text)), { "content-encoding": coding.toUpperCase(), "x-kept": "1" });
    const answer = await ask();
    expect(answer.body.toString()).toBe(text);
    expect(network.seen[0]?.request.headers["accept-encoding"]).toBe("gzip, deflate, br, zstd");
    expect(answer.headers).toMatchObject({ "x-kept": "1" });
    for (const name of ["content-encoding", "content-length"]) expect(answer.headers).not.toHaveProperty(name);

    const bomb = encode(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    answerWith(bomb, { "content-encoding": coding });
    await expect(ask({ maxBytes: 100_000 })).rejects.toMatchObject(tooLarge("response_body"));

    const whole = encode(randomBytes(4_000));
    for (const broken of [whole.subarray(0, whole.length - 9), Buffer.from("this is not encoded at all, is it?")]) {
      answerWith(broken, { "content-encoding": coding });
      await expect(ask()).rejects.toMatchObject({ code: "invalid_response" });
    }
    answerWith("", { "content-encoding": coding });
    expect((await ask()).body).toHaveLength(0);
    expect((await ask({ method: "HEAD" })).body).toHaveLength(0);
  });

  it("raw deflate is read, and codings on top of each other, up to three", async () => {
    answerWith(zlib.deflateRawSync("raw"), { "content-encoding": "deflate" });
    expect((await ask()).body.toString()).toBe("raw");
    const nested = (times: number): void => {
      let body: Buffer = Buffer.from("deep");
      for (let i = 0; i < times; i++) body = zlib.gzipSync(body);
      answerWith(body, { "content-encoding": Array(times).fill("gzip").join(", ") });
    };
    nested(3);
    expect((await ask()).body.toString()).toBe("deep");
    nested(4);
    await expect(ask()).rejects.toMatchObject({ code: "invalid_response" });
  });

  it("a bomb inside of another ends in between", async () => {
    const inner = zlib.gzipSync(Buffer.alloc(64 * 1024 * 1024));
    answerWith(zlib.brotliCompressSync(inner), { "content-encoding": "gzip, br" });
    await expect(ask()).rejects.toMatchObject(tooLarge("response_body"));
  });

  it("what becomes nothing is not read for ever", async () => {
    let sent: ReturnType<typeof endless> | undefined;
    const empty = zlib.gzipSync("");
    network.answer = (_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      sent = endless(response, Buffer.concat(Array(1_000).fill(empty)));
    };
    await expect(ask()).rejects.toMatchObject(tooLarge("response_body"));
    await sent?.gone;
  });

  it("a coding that is not known, and identity, are left as they are; the caller's wish stands", async () => {
    answerWith("as it is", { "content-encoding": "compress" });
    expect(await ask({ headers: { "Accept-Encoding": "compress" } })).toMatchObject({
      headers: { "content-encoding": "compress" },
      body: Buffer.from("as it is"),
    });
    expect(network.seen[0]?.request.headers["accept-encoding"]).toBe("compress");
    answerWith("as it is", { "content-encoding": "identity" });
    expect((await ask()).body.toString()).toBe("as it is");
  });
});

describe("times", () => {
  const late = (limit: string, phase: string) => ({ code: "timeout", retryable: true, details: { limit, phase } });

  it("of a connection: to the look-up's end, the connection and TLS", async () => {
    await expect(ask({ connectTimeoutMs: 20 }, { ...network, lookup: () => NEVER })).rejects.toMatchObject(
      late("connect", "connect"),
    );
    // Takes connections and says nothing, so that TLS never begins.
    const silent = createServer((socket) => socket.on("error", () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const dialled: Socket[] = [];
    const mute: Network = {
      ...network,
      connect: () => {
        const socket = connect((silent.address() as AddressInfo).port, "127.0.0.1");
        dialled.push(socket);
        return socket;
      },
    };
    const asked = askThrough(mute, "https://example.com/", { connectTimeoutMs: 200 });
    await expect(asked).rejects.toMatchObject(late("connect", "connect"));
    expect(dialled.map(({ destroyed }) => destroyed)).toEqual([true]);
    await new Promise((resolve) => silent.close(resolve));
  });

  it("of the first byte", async () => {
    network.answer = () => undefined;
    await expect(ask({ firstByteTimeoutMs: 20 })).rejects.toMatchObject(late("first_byte", "exchange"));
    for (const socket of network.sockets) expect(socket.destroyed).toBe(true);
  });

  it("of all of it: an answer that trickles, and redirects together", async () => {
    network.answer = (_request, response) => void response.writeHead(200).write("x");
    await expect(ask({ timeoutMs: 500 })).rejects.toMatchObject(late("total", "exchange"));
    network.answer = (_request, response) =>
      void setTimeout(() => response.writeHead(302, { location: "/" }).end(), 300);
    // However far the last of them came: the first was received.
    await expect(ask({ timeoutMs: 1_000 })).rejects.toMatchObject(late("total", "exchange"));
    for (const socket of network.sockets) expect(socket.destroyed).toBe(true);
  });
});

describe("a stream", () => {
  it("gives the head at once and the body as it comes, decoded", async () => {
    const gzip = zlib.createGzip();
    network.answer = (_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "x-kept": "1" });
      response.flushHeaders();
      gzip.pipe(response);
    };
    const { status, headers, body } = await stream();
    expect([status, headers["x-kept"]]).toEqual([200, "1"]);
    const chunks = body[Symbol.asyncIterator]();
    for (const word of ["one", "two"]) {
      gzip.write(word);
      gzip.flush();
      expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe(word);
    }
    gzip.end();
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
    expect(network.sockets[0]?.destroyed).toBe(true);
  });

  it("is bounded", async () => {
    network.answer = (_request, response) => void endless(response, "x".repeat(1_000));
    const { body } = await stream({ maxBytes: 5_000 });
    let read = 0;
    const reading = (async () => {
      for await (const chunk of body) read += chunk.length;
    })();
    await expect(reading).rejects.toMatchObject(tooLarge("response_body"));
    expect(read).toBeLessThanOrEqual(5_000);
    expect(network.sockets[0]?.destroyed).toBe(true);
  });

  it("that is left frees its connection", async () => {
    let gone: Promise<void> | undefined;
    network.answer = (_request, response) => {
      gone = endless(response, "x".repeat(1_000)).gone;
    };
    const { body } = await stream({ maxBytes: 1e9 });
    for await (const _chunk of body) break;
    await gone;
    expect(network.sockets[0]?.destroyed).toBe(true);
  });

  it("that nobody reads ends with its time", async () => {
    let gone: Promise<void> | undefined;
    network.answer = (_request, response) => {
      gone = endless(response, "x".repeat(1_000)).gone;
    };
    const { body } = await stream({ maxBytes: 1e9, timeoutMs: 1_000 });
    await gone;
    await expect(body[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "timeout",
      details: { limit: "total" },
    });
  });

  it.each(["before", "between", "within"])("that is stopped %s ends with the caller's reason", async (when) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let gone: Promise<void> | undefined;
    network.answer = (_request, response) => {
      gone = new Promise((resolve) => response.once("close", resolve));
      if (when === "between") controller.abort(reason);
      else response.writeHead(200).write("x");
    };
    if (when === "before") controller.abort(reason);
    const reading = (async () => {
      const { body } = await stream({ signal: controller.signal });
      for await (const _chunk of body) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    await gone;
    expect(network.sockets.map(({ destroyed }) => destroyed)).toEqual(when === "before" ? [] : [true]);
  });
});
