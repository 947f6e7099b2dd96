import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Resident, type StackWorld, startWorld } from "../support/world.ts";

let world: StackWorld;
let person: Resident;

beforeAll(async () => {
  world = await startWorld();
  person = await world.signUp();
}, 120_000);
afterAll(() => world.close());

const canvas = {
  nodes: [
    { id: "start", type: "start", data: {} },
    { id: "pause", type: "wait", data: { config: { mode: "duration", ms: 50 } } },
    { id: "end", type: "end", data: {} },
  ],
  edges: [
    { id: "a", source: "start", target: "pause" },
    { id: "b", source: "pause", target: "end" },
  ],
};

async function events(path: string): Promise<{ event: string; data: Record<string, unknown> }[]> {
  const response = await fetch(`${world.stack.url}${path}`, { headers: { authorization: `Bearer ${person.token}` } });
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const frames = (await response.text()).split("\n\n").filter((frame) => frame.startsWith("event: "));
  return frames.map((frame) => {
    const [event = "", data = "null"] = frame.split("\n").map((line) => line.replace(/^\w+: /, ""));
    return { event, data: JSON.parse(data) };
  });
}

describe("following an execution", () => {
  it("tells each node as it changes and ends with the execution", async () => {
    const { token, spaceId } = person;
    const space = `/api/spaces/${spaceId}`;
    const made = await world.call("POST", `${space}/workflows`, { token, body: { name: "f", canvas } });
    const body = { mode: "async", version: "draft" };
    const run = await world.call("POST", `${space}/workflows/${made.json.id}/run`, { token, body });
    expect(run.status).toBe(202);
    const seen = await events(`${space}/executions/${run.json.id}/stream`);
    expect(seen.at(-1)).toMatchObject({ event: "done", data: { id: run.json.id, status: "succeeded" } });
    const nodes = seen.filter(({ event }) => event === "node").map(({ data }) => data);
    const last = new Map(nodes.map((node) => [node.path, node.status]));
    expect([...last]).toEqual(expect.arrayContaining(["start", "pause", "end"].map((id) => [id, "succeeded"])));
  });

  it("tells how far the turns of a loop are", async () => {
    const { token, spaceId } = person;
    const space = `/api/spaces/${spaceId}`;
    const pause = { id: "pause", type: "wait", data: { config: { mode: "duration", ms: 700 } } };
    const body = { nodes: [pause], edges: [{ source: "turns", target: "pause" }] };
    const turns = { id: "turns", type: "loop", data: { config: { mode: "count", count: 3 }, body } };
    const [start, , end] = canvas.nodes;
    const edges = [
      { source: "start", target: "turns" },
      { source: "turns", target: "end" },
    ];
    const drawn = { nodes: [start, turns, end], edges };
    const made = await world.call("POST", `${space}/workflows`, { token, body: { name: "f", canvas: drawn } });
    const run = await world.call("POST", `${space}/workflows/${made.json.id}/run`, {
      token,
      body: { version: "draft" },
    });
    const seen = await events(`${space}/executions/${run.json.id}/stream`);
    const of = seen.filter(({ event, data }) => event === "node" && data.path === "turns").map(({ data }) => data);
    expect(of.at(-1)).toMatchObject({ status: "succeeded", turns: { done: 3, total: 3 } });
    expect(
      of.some(({ status, turns: at }) => status === "running" && (at as { total: number } | null)?.total === 3),
    ).toBe(true);
    const percents = seen
      .filter(({ event }) => event === "execution")
      .map(({ data }) => (data.progress as { percent: number }).percent);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(percents.at(-1)).toBe(100);
  });

  it("finds no execution of another space", async () => {
    const path = `/api/spaces/${person.spaceId}/executions/exe_01jd0000000000000000000000/stream`;
    const answer = await world.call("GET", path, { token: person.token });
    expect([answer.status, answer.json.error.code]).toEqual([404, "not_found"]);
  });
});
