import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import { AppError } from "@weft/kernel/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chain, end, start, text } from "./canvases.ts";
import { fixture, fixtureNames, hasFixtures } from "./support.ts";

/** Reading and compiling either works or refuses; it never throws anything else. */
function survives(raw: unknown): void {
  try {
    const { plan, issues } = compile(readCanvas(raw));
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    for (const issue of issues) expect(issue.path).toMatch(/^(nodes|edges)/);
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    expect(thrown.code).toBe("invalid_input");
  }
}

type Container = Record<string, unknown> | unknown[];

function containers(root: unknown): Container[] {
  const found: Container[] = [];
  const walk = [root];
  for (const value of walk) {
    if (value === null || typeof value !== "object") continue;
    found.push(value as Container);
    walk.push(...Object.values(value));
  }
  return found;
}

/** Replaces one member somewhere in the canvas. */
function spoil(raw: unknown, where: number, which: number, value: unknown): unknown {
  const copy = structuredClone(raw);
  const all = containers(copy);
  const target = all[where % all.length] as Record<string, unknown>;
  const keys = Object.keys(target);
  const key = keys[which % Math.max(keys.length, 1)];
  if (key === undefined) return copy;
  if (value === undefined) delete target[key];
  else target[key] = value;
  return JSON.parse(JSON.stringify(copy));
}

const ours = {
  nodes: [
    start,
    text("a"),
    {
      id: "loop",
      type: "loop",
      data: {
        config: { mode: "count", count: 2, variables: ["v"], collect: [{ name: "all", ref: "in.output" }] },
        inputs: [
          { name: "v", type: "integer", value: 1 },
          { name: "o", fields: [{ name: "m", variable: "app.x" }] },
        ],
        onError: { strategy: "branch", retries: 1 },
        body: { nodes: [text("in", "loop.v")], edges: [{ source: "loop", target: "in" }] },
      },
    },
    end("loop.all"),
  ],
  edges: [...chain("start", "a", "loop", "end"), { source: "loop", sourceHandle: "branch_error", target: "end" }],
};

const spoiled = fc.oneof(fc.constant(undefined), fc.jsonValue(), fc.constantFrom("", "start", "loop", "__proto__", -1));

describe("reading and compiling", () => {
  it("survives any JSON", () => {
    fc.assert(fc.property(fc.jsonValue(), survives));
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.jsonValue()), (nodes, edges) => {
        survives({ nodes, edges });
      }),
    );
  });

  it("survives our canvas with anything in it replaced", () => {
    expect(compile(readCanvas(ours)).issues).toEqual([]);
    fc.assert(
      fc.property(fc.nat(), fc.nat(), spoiled, (where, which, value) => {
        survives(spoil(ours, where, which, value));
      }),
      { numRuns: 1_000 },
    );
  });

  it("survives Coze's canvases with anything in them replaced", () => {
    if (!hasFixtures()) return;
    const canvases = fixtureNames("coze-canvases").map((name) => fixture(`coze-canvases/${name}`));
    fc.assert(
      fc.property(fc.constantFrom(...canvases), fc.nat(), fc.nat(), spoiled, (canvas, where, which, value) => {
        survives(spoil(canvas, where, which, value));
      }),
      { numRuns: 1_500 },
    );
  });
});
