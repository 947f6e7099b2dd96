import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import type { HttpResponse } from "@weft/engine/node";
import { runPlan } from "@weft/engine/run/plan";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { around } from "./single.ts";
import { planOf, type TestRun, testRun } from "./support.ts";

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => void vi.useRealTimers());

type Answer = number | "reset" | "hang" | { status: number; retryAfter: string };

const canvas = (onError: object, config: object = {}, ports: string[] = ["default"]) =>
  around(
    { type: "http_request", data: { config: { url: "http://api.test/p", ...config }, onError } },
    ["statusCode"],
    ports,
  );

/** What became of a run whose requests are answered so, and when each of them was made, in milliseconds. */
async function tried(onError: object, answers: readonly Answer[], options: { at?: TestRun; config?: object } = {}) {
  const begun = Date.now();
  const times: number[] = [];
  const request = async ({ signal }: { signal: AbortSignal }): Promise<HttpResponse> => {
    const answer = answers[times.length] ?? 200;
    times.push(Date.now() - begun);
    if (answer === "reset") throw new Error("reset");
    if (answer === "hang")
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { status, retryAfter } =
      typeof answer === "object" ? answer : { status: Number(answer), retryAfter: undefined };
    return { status, headers: retryAfter ? { "retry-after": retryAfter } : {}, body: new Uint8Array() };
  };
  const run = options.at ?? testRun();
  const io = { ...run.io, deps: { http: { request } }, now: () => Date.now() };
  const ports = (onError as { strategy?: string }).strategy === "branch" ? ["default", "branch_error"] : ["default"];
  const running = runPlan(planOf(canvas(onError, options.config, ports)), {}, io).then(
    (outcome) => outcome,
    (thrown: { error?: { code: string } }) => ({ status: "failed" as const, code: thrown.error?.code }),
  );
  await vi.runAllTimersAsync();
  return { outcome: await running, times, run };
}

const plain = { delayMs: 1_000, jitter: false };
const LONG = 3_600_000;

describe("pauses between tries", () => {
  it("are constant, or grow to their longest", async () => {
    const constant = await tried({ retries: 3, backoffRate: 1, ...plain }, [500, 500, 500]);
    expect(constant.times).toEqual([0, 1_000, 2_000, 3_000]);
    const growing = await tried({ retries: 4, maxDelayMs: 5_000, ...plain }, [500, 500, 500, 500]);
    expect(growing.times).toEqual([0, 1_000, 3_000, 7_000, 12_000]);
    expect(growing.outcome.status).toBe("done");
  });

  it("are drawn from their nominal length with jitter", async () => {
    const { times } = await tried({ retries: 2, delayMs: 1_000 }, [500, 500]);
    expect(times).toEqual([0, 500, 1_500]);
  });

  it("are never shorter than the other side asked for, in seconds or as a date", async () => {
    const until = new Date(Date.now() + 21_000).toUTCString();
    const answers = [
      { status: 429, retryAfter: "7" },
      { status: 503, retryAfter: until },
    ];
    const { times, outcome } = await tried({ retries: 2, maxDelayMs: 2_000, ...plain }, answers);
    expect(times).toEqual([0, 7_000, 21_000]);
    expect(outcome.status).toBe("done");
  });

  it("that do not fit in the node's time are not begun: the failure is what it was", async () => {
    const { times, outcome } = await tried({ retries: 3, ...plain }, [{ status: 429, retryAfter: "120" }]);
    expect(times).toEqual([0]);
    expect(outcome).toEqual({ status: "failed", code: "http_error" });
  });

  it("that are long make the run wait instead of a process, and the tries go on being counted", async () => {
    const onError = { retries: 2, delayMs: 60_000, backoffRate: 1, jitter: false, timeoutMs: LONG };
    const first = await tried(onError, [500]);
    expect(first.outcome).toMatchObject({ status: "blocked", waiting: ["n"] });
    const record = first.run.journal.records.get("n");
    expect(record).toMatchObject({ status: "waiting", attempts: 1, suspend: { retry: { attempt: 1 } } });
    // Too early: it is not tried.
    expect((await tried(onError, [500], { at: first.run })).times).toEqual([]);
    vi.setSystemTime(Date.now() + 60_000);
    const second = await tried(onError, [500], { at: first.run });
    expect([second.times.length, second.outcome.status]).toEqual([1, "blocked"]);
    vi.setSystemTime(Date.now() + 60_000);
    const third = await tried(onError, [500], { at: first.run });
    expect(third.outcome).toEqual({ status: "failed", code: "http_error" });
  });

  it("that are long count toward the node's time", async () => {
    const onError = { retries: 9, delayMs: 60_000, backoffRate: 1, jitter: false, timeoutMs: 100_000 };
    const first = await tried(onError, [500]);
    expect(first.outcome.status).toBe("blocked");
    vi.setSystemTime(Date.now() + 60_000);
    const second = await tried(onError, [500], { at: first.run });
    expect(second.outcome).toEqual({ status: "failed", code: "http_error" });
  });
});

describe("time limits", () => {
  it("end one try, and the next begins", async () => {
    const { times, outcome } = await tried({ retries: 1, attemptTimeoutMs: 2_000, ...plain }, ["hang"]);
    expect(times).toEqual([0, 3_000]);
    expect(outcome.status).toBe("done");
  });

  it("end all tries together", async () => {
    const onError = { retries: 5, attemptTimeoutMs: 2_000, timeoutMs: 4_500, ...plain };
    const { times, outcome } = await tried(onError, ["hang", "hang", "hang"]);
    expect(times).toEqual([0, 3_000]);
    expect(outcome).toEqual({ status: "failed", code: "timeout" });
  });

  it("of a node in a batch that exceed a process's time do not keep it from beginning", async () => {
    const step = {
      id: "n",
      type: "http_request",
      data: { config: { url: "http://api.test/p" }, onError: { timeoutMs: LONG } },
    };
    const turns = {
      id: "all",
      type: "batch",
      data: {
        config: { items: ["item"], collect: [{ name: "codes", ref: "n.statusCode" }] },
        inputs: [{ name: "item", value: [1] }],
        body: {
          nodes: [step],
          edges: [
            { source: "all", target: "n" },
            { source: "n", target: "all" },
          ],
        },
      },
    };
    const nodes = [
      { id: "start", type: "start", data: {} },
      turns,
      { id: "end", type: "end", data: { inputs: [{ name: "codes", ref: "all.codes" }] } },
    ];
    const plan = planOf({
      nodes,
      edges: [
        { source: "start", target: "all" },
        { source: "all", target: "end" },
      ],
    });
    const { io } = testRun({
      mustYield: (ms) => ms > 880_000,
      deps: { http: { request: async () => ({ status: 200, headers: {}, body: new Uint8Array() }) } },
    });
    expect(await runPlan(plan, {}, io)).toMatchObject({ status: "done", output: { codes: [200] } });
  });
});

describe("rules by failure", () => {
  const rules = (retryOn: object[], more: object = {}) => ({ retryOn, ...plain, backoffRate: 1, ...more });

  it("say for each status how often and how long apart", async () => {
    const onError = rules([
      { codes: ["429"], retries: 2, delayMs: 5_000 },
      { codes: ["http_5xx"], retries: 1 },
    ]);
    const { times, outcome } = await tried(onError, [429, 503, 429]);
    expect(times).toEqual([0, 5_000, 6_000, 11_000]);
    expect(outcome.status).toBe("done");
    expect((await tried(onError, [503, 503])).times).toEqual([0, 1_000]);
  });

  it("hold in their order: the first that names the failure decides", async () => {
    const onError = rules(
      [
        { codes: ["503"], retries: 0 },
        { codes: ["5xx"], retries: 3 },
      ],
      { retries: 3 },
    );
    expect((await tried(onError, [503])).times).toEqual([0]);
    expect((await tried(onError, [502, 502])).times).toEqual([0, 1_000, 2_000]);
  });

  it("also try again what is final otherwise", async () => {
    const { times, outcome } = await tried(rules([{ codes: ["404"] }]), [404]);
    expect([times, outcome.status]).toEqual([[0, 1_000], "done"]);
  });

  it("leave what no rule names to the node's own number of tries", async () => {
    const onError = rules([{ codes: ["429"], retries: 1 }], { retries: 2 });
    expect((await tried(onError, [500, "reset", 500])).times).toEqual([0, 1_000, 2_000]);
    expect((await tried(rules([{ codes: ["429"] }]), [500])).times).toEqual([0]);
    expect((await tried(onError, [400])).times).toEqual([0]);
  });

  it("speak of failures without a status by their code", async () => {
    const onError = rules([{ codes: ["timeout"], retries: 1 }], { attemptTimeoutMs: 2_000 });
    expect((await tried(onError, ["hang"])).times).toEqual([0, 3_000]);
    expect((await tried(onError, ["reset"])).times).toEqual([0]);
  });

  it("never try again what is named as final", async () => {
    const onError = rules([{ codes: ["5xx"], retries: 3 }], { retries: 3, neverRetryOn: ["501", "http_failed"] });
    expect((await tried(onError, [501])).times).toEqual([0]);
    expect((await tried(onError, ["reset"])).times).toEqual([0]);
    expect((await tried(onError, [500])).times).toEqual([0, 1_000]);
  });

  it("that are used up leave the failure to the fallback or the error branch", async () => {
    const value = { statusCode: 7 };
    const fallback = await tried(rules([{ codes: ["5xx"] }], { strategy: "default", fallback: value }), [500, 500]);
    expect(fallback.outcome).toMatchObject({ status: "done", output: value });
    const branch = await tried(rules([{ codes: ["5xx"] }], { strategy: "branch", fallback: value }), [500, 500]);
    expect(branch.run.journal.records.get("n")).toMatchObject({ port: "branch_error", attempts: 2 });
    expect(branch.outcome.status).toBe("done");
  });

  it("are refused by name where they are none", () => {
    const refused = (onError: object) => {
      try {
        return compile(readCanvas(canvas(onError))).issues.map(({ path }) => path);
      } catch (thrown) {
        return (thrown as { details: { issues: { path: string }[] } }).details.issues.map(({ path }) => path);
      }
    };
    expect(refused({ retryOn: [{ codes: ["6xx"] }] })).toEqual(["nodes.n.data.onError.retryOn.0.codes.0"]);
    expect(refused({ retryOn: [{ codes: [] }] })).toEqual(["nodes.n.data.onError.retryOn.0.codes"]);
    expect(refused({ retryOn: [{ codes: ["429"], attempts: 2 }] })).toEqual([
      "nodes.n.data.onError.retryOn.0.attempts",
    ]);
    expect(refused({ neverRetryOn: ["Not Found"] })).toEqual(["nodes.n.data.onError.neverRetryOn.0"]);
  });
});
