import { runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { failureOf, outputOf } from "./single.ts";
import { planOf, testRun } from "./support.ts";

/** A loop or batch over `in` whose turn fails for items that `check_parameters` refuses. */
function canvas(type: string, onItemError: string | undefined, inner: "cheap" | "http" = "cheap") {
  const item = [{ name: "v", ref: "c.list" }];
  const rules = [{ input: "v", max: 10, message: "too big" }];
  const node =
    inner === "cheap"
      ? { id: "x", type: "check_parameters", data: { config: { rules }, inputs: item } }
      : { id: "x", type: "http_request", data: { config: { url: "http://a.test/{{v}}" }, inputs: item } };
  const collect = [{ name: "out", ref: inner === "cheap" ? "y.v" : "x.body" }];
  return {
    nodes: [
      { id: "start", type: "start", data: { outputs: [{ name: "in", type: "any" }] } },
      {
        id: "c",
        type,
        data: {
          config: { collect, ...(onItemError ? { onItemError } : {}) },
          inputs: [{ name: "list", ref: "start.in" }],
          body: {
            nodes: [node, { id: "y", type: "no_op", data: { inputs: item } }],
            edges: [{ source: "x", target: "y" }],
          },
        },
      },
      {
        id: "end",
        type: "end",
        data: {
          inputs: [{ name: "out", ref: "c.out" }, ...(onItemError ? [{ name: "errors", ref: "c.errors" }] : [])],
        },
      },
    ],
    edges: [
      { source: "start", target: "c" },
      { source: "c", target: "end" },
    ],
  };
}

const list = [1, 20, 3, 40];
const errors = [
  { index: 1, code: "invalid_parameters", message: "too big" },
  { index: 3, code: "invalid_parameters", message: "too big" },
];

describe.each(["batch", "loop"])("a failing turn of a %s", (type) => {
  it("fails it", async () => {
    for (const mode of [undefined, "fail"]) {
      const failure = await failureOf(canvas(type, mode === "fail" ? undefined : mode), { in: list });
      expect(failure.error.code).toBe("invalid_parameters");
    }
  });
  it("leaves null in its place", async () => {
    expect(await outputOf(canvas(type, "continue"), { in: list })).toEqual({ out: [1, null, 3, null], errors });
  });
  it("is left out", async () => {
    expect(await outputOf(canvas(type, "remove"), { in: list })).toEqual({ out: [1, 3], errors });
    expect(await outputOf(canvas(type, "remove"), { in: [1] })).toEqual({ out: [1], errors: [] });
  });
  it("may be one with effects, and stands in the trace", async () => {
    const request = async ({ url }: { url: string }) => {
      const isBad = url.endsWith("20") || url.endsWith("40");
      return { status: isBad ? 404 : 200, headers: {}, body: Buffer.from(url.slice(-1)) };
    };
    const run = testRun({ deps: { http: { request } } });
    const outcome = await runPlan(planOf(canvas(type, "continue", "http")), { in: list }, run.io);
    expect(outcome).toMatchObject({
      status: "done",
      output: { out: ["1", null, "3", null], errors: [{ index: 1, code: "http_error" }, { index: 3 }] },
    });
    expect(run.records.filter(({ status }) => status === "failed").map(({ path }) => path)).toEqual(["c.1/x", "c.3/x"]);
  });
  it("does not hide that the run was stopped", async () => {
    const controller = new AbortController();
    const request = async () => {
      controller.abort(new Error("cancelled"));
      throw new Error("gone");
    };
    const run = testRun({ deps: { http: { request } }, signal: controller.signal });
    await expect(runPlan(planOf(canvas(type, "continue", "http")), { in: list }, run.io)).rejects.toThrow();
  });
  it("is not run again when the run goes on elsewhere", async () => {
    const calls = new Map<string, number>();
    const request = async ({ url }: { url: string }) => {
      calls.set(url, (calls.get(url) ?? 0) + 1);
      return { status: url.endsWith("/20") ? 404 : 200, headers: {}, body: Buffer.from("b") };
    };
    let steps = 0;
    const mustYield = (): boolean => {
      steps += 1;
      return steps % 3 === 0;
    };
    const run = testRun({ deps: { http: { request } }, mustYield });
    const plan = planOf(canvas(type, "remove", "http"));
    let outcome = await runPlan(plan, { in: list }, run.io);
    expect(outcome.status).not.toBe("done");
    for (let at = 0; at < 20 && outcome.status !== "done"; at++) outcome = await runPlan(plan, { in: list }, run.io);
    expect(outcome).toMatchObject({ status: "done", output: { out: ["b", "b", "b"], errors: [{ index: 1 }] } });
    expect([...calls.values()]).toEqual([1, 1, 1, 1]);
  });
  it("must not share its name with a gathered output", () => {
    const broken = canvas(type, "continue");
    const config = broken.nodes[1]?.data.config as { collect: { name: string }[] };
    config.collect = [{ name: "errors", ref: "y.v" } as { name: string }];
    expect(() => planOf(broken)).toThrow(/choose another name/);
  });
});
