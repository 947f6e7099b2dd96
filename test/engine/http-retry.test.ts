import { type HttpRetry, requestWithRetries, retryAfterMs, TRANSIENT_STATUSES } from "@weft/engine/http/retry";
import { type HttpRequest, type HttpResponse, NodeError } from "@weft/engine/node";
import { ManualClock } from "@weft/kernel/clock";
import { describe, expect, it } from "vitest";

const answer = (status: number, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers,
  body: new Uint8Array(),
});
const failure = (phase: string, retryable = true) =>
  new NodeError("unreachable", `in ${phase}`, { retryable, details: { phase } });
const request = (method: string): HttpRequest => ({
  method,
  url: "https://example.com/",
  headers: {},
  body: "body",
  timeoutMs: 10_000,
  maxBytes: 1_000,
  signal: new AbortController().signal,
});
const RETRY: HttpRetry = {
  attempts: 4,
  backoff: { delayMs: 100, backoffRate: 2, maxDelayMs: 1_000, jitter: false },
  statuses: TRANSIENT_STATUSES,
  respectRetryAfter: true,
};

/** A world whose other side answers with these, one after the other, and whose time passes in pauses alone. */
function play(...script: (HttpResponse | Error)[]) {
  const clock = new ManualClock();
  const seen: HttpRequest[] = [];
  const pauses: number[] = [];
  const world = {
    now: () => clock.now(),
    random: () => 0.5,
    pause: async (ms: number) => {
      pauses.push(ms);
      clock.advance(ms);
    },
    http: {
      request: async (item: HttpRequest) => {
        const next = script[seen.push(item) - 1] ?? answer(200);
        if (next instanceof Error) throw next;
        return next;
      },
    },
  };
  return { world, seen, pauses, clock };
}

describe("retries of a request", () => {
  it("follow what may pass, with growing pauses and the time that is left", async () => {
    const { world, seen, pauses } = play(failure("exchange"), answer(503), answer(429));
    expect((await requestWithRetries(world, request("PUT"), RETRY)).status).toBe(200);
    expect(pauses).toEqual([100, 200, 400]);
    expect(seen.map(({ timeoutMs, body }) => [timeoutMs, body])).toEqual([
      [10_000, "body"],
      [9_900, "body"],
      [9_700, "body"],
      [9_300, "body"],
    ]);
  });

  it("end with the last answer or failure", async () => {
    const answers = play(...Array.from({ length: 9 }, () => answer(503)));
    expect((await requestWithRetries(answers.world, request("GET"), RETRY)).status).toBe(503);
    expect(answers.seen).toHaveLength(4);
    const last = failure("exchange");
    const failures = play(failure("connect"), failure("resolve"), answer(500), last);
    await expect(requestWithRetries(failures.world, request("GET"), RETRY)).rejects.toBe(last);
    expect(failures.seen).toHaveLength(4);
  });

  it.each([
    ["GET", 2],
    ["HEAD", 2],
    ["OPTIONS", 2],
    ["PUT", 2],
    ["DELETE", 2],
    ["POST", 1],
    ["PATCH", 1],
  ])("of %s after it may have arrived: %i requests", async (method, count) => {
    for (const first of [answer(503), failure("exchange")]) {
      const { world, seen } = play(first);
      await requestWithRetries(world, request(method), RETRY).catch(() => undefined);
      expect(seen).toHaveLength(count);
      const told = play(first);
      await requestWithRetries(told.world, request(method), { ...RETRY, repeatable: true });
      expect(told.seen).toHaveLength(2);
    }
    for (const phase of ["resolve", "connect"]) {
      const { world, seen } = play(failure(phase));
      expect((await requestWithRetries(world, request(method), RETRY)).status).toBe(200);
      expect(seen).toHaveLength(2);
    }
  });

  it("do not follow what is final", async () => {
    for (const first of [answer(400), answer(404), answer(501), failure("connect", false), new Error("a bug")]) {
      const { world, seen } = play(first);
      await requestWithRetries(world, request("GET"), RETRY).catch(() => undefined);
      expect(seen).toHaveLength(1);
    }
  });

  it("wait as long as they are asked to, and not at all where that is too long", async () => {
    const seconds = play(answer(429, { "retry-after": "1" }));
    await requestWithRetries(seconds.world, request("GET"), RETRY);
    expect(seconds.pauses).toEqual([1_000]);
    const long = play(answer(429, { "retry-after": "2" }));
    expect((await requestWithRetries(long.world, request("GET"), RETRY)).status).toBe(429);
    expect([long.pauses, long.seen.length]).toEqual([[], 1]);
    const deaf = play(answer(429, { "retry-after": "2" }));
    await requestWithRetries(deaf.world, request("GET"), { ...RETRY, respectRetryAfter: false });
    expect(deaf.pauses).toEqual([100]);
  });

  it("stay within the request's time, and end with its signal", async () => {
    const late = play(answer(503), answer(503), answer(503));
    expect((await requestWithRetries(late.world, { ...request("GET"), timeoutMs: 250 }, RETRY)).status).toBe(503);
    expect(late.pauses).toEqual([100]);
    const controller = new AbortController();
    const stopped = play(answer(503));
    const ask = stopped.world.http.request;
    stopped.world.http.request = (item) => {
      controller.abort(new Error("enough"));
      return ask(item);
    };
    await requestWithRetries(stopped.world, { ...request("GET"), signal: controller.signal }, RETRY);
    expect(stopped.seen).toHaveLength(1);
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    ["5", 5_000],
    [" 5 ", 5_000],
    ["0", undefined],
    ["Thu, 01 Jan 2026 00:00:10 GMT", 10_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", undefined],
    ["-5", undefined],
    ["1.5", undefined],
    ["99999999999", undefined],
    ["soon", undefined],
    ["", undefined],
  ])("%j is %s ms", (header, ms) => expect(retryAfterMs(header, now)).toBe(ms));
});
