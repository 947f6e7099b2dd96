import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { readN8nWorkflow } from "@weft/engine/n8n/read";
import { NodeFailed } from "@weft/engine/run/io";
import { afterAll, describe, expect, it } from "vitest";
import { connect, node, people, run as play, type Slots, set, where } from "./n8n-play.ts";

const sandbox = createSandbox(sandboxParts(import.meta.url));
afterAll(() => sandbox.close());

const run = (...[nodes, links, items, over = {}]: Parameters<typeof play>) =>
  play(nodes, links, items, { code: sandbox, ...over });
const told = set("Tell", { n: "={{ $json.n }}", from: "={{ $('A').item.json.name }}" });
const A = set("A", {}, { includeOtherFields: true });

describe("the item of another node that an item was made of", () => {
  it.each<[string, object, [n: number, from: string][]]>([
    [
      "filter",
      node("X", "filter", where("={{ $json.n }}", "gt", 1), { typeVersion: 2 }),
      [
        [3, "ann"],
        [2, "cy"],
      ],
    ],
    [
      "sort",
      node("X", "sort", { sortFieldsUi: { sortField: [{ fieldName: "n", order: "ascending" }] } }),
      [
        [1, "bo"],
        [2, "cy"],
        [3, "ann"],
      ],
    ],
    [
      "limit",
      node("X", "limit", { maxItems: 2, keep: "lastItems" }),
      [
        [1, "bo"],
        [2, "cy"],
      ],
    ],
    [
      "code",
      node(
        "X",
        "code",
        { jsCode: "return items.map(({ json }) => ({ json: { n: json.n * 10 } }))" },
        { typeVersion: 2 },
      ),
      [
        [30, "ann"],
        [10, "bo"],
        [20, "cy"],
      ],
    ],
    [
      "code that says so",
      node("X", "code", { jsCode: "return [{ json: { n: 7 }, pairedItem: { item: 2 } }]" }, { typeVersion: 2 }),
      [[7, "cy"]],
    ],
    [
      "code for each item",
      node(
        "X",
        "code",
        { mode: "runOnceForEachItem", jsCode: "return [{ n: $json.n }, { n: -$json.n }]" },
        { typeVersion: 2 },
      ),
      [
        [3, "ann"],
        [-3, "ann"],
        [1, "bo"],
        [-1, "bo"],
        [2, "cy"],
        [-2, "cy"],
      ],
    ],
  ])("is found behind %s", async (_name, between, expected) => {
    const { items, report } = await run([A, between, told], { Start: [["A"]], A: [["X"]], X: [["Tell"]] }, people);
    expect(items).toEqual(expected.map(([n, from]) => ({ n, from })));
    expect(report.nodes.find(({ name }) => name === "Tell")?.fidelity).toBe("exact");
  });

  it("is found behind a list that was split, and two branches that came together", async () => {
    const nodes = [
      A,
      node("Split", "splitOut", { fieldToSplitOut: "tags" }),
      node("If", "if", where("={{ $json.tags }}", "equals", "x"), { typeVersion: 2 }),
      set("Yes", { n: 1 }),
      set("No", { n: 0 }),
      node("Merge", "merge", { mode: "append" }, { typeVersion: 3 }),
      told,
    ];
    const links: Record<string, Slots> = {
      Start: [["A"]],
      A: [["Split"]],
      Split: [["If"]],
      If: [["Yes"], ["No"]],
      Yes: [["Merge"]],
      No: [[["Merge", 1]]],
      Merge: [["Tell"]],
    };
    const { items } = await run(nodes, links, [
      { name: "ann", tags: ["y", "x"] },
      { name: "bo", tags: ["x"] },
    ]);
    expect(items).toEqual([
      { n: 1, from: "ann" },
      { n: 1, from: "bo" },
      { n: 0, from: "ann" },
    ]);
  });

  it("is found in a loop and behind it", async () => {
    const nodes = [
      A,
      node("Loop", "splitInBatches", { batchSize: 2 }, { typeVersion: 3 }),
      node("Keep", "filter", where("={{ $json.n }}", "notEquals", 1), { typeVersion: 2 }),
      set("Body", { n: "={{ $json.n }}", inside: "={{ $('A').item.json.name }}" }),
      set("After", { inside: "={{ $json.inside }}", outside: "={{ $('A').item.json.name }}" }),
    ];
    const { items } = await run(
      nodes,
      { Start: [["A"]], A: [["Loop"]], Loop: [["After"], ["Keep"]], Keep: [["Body"]], Body: [["Loop"]] },
      people,
    );
    expect(items).toEqual([
      { inside: "ann", outside: "ann" },
      { inside: "cy", outside: "cy" },
    ]);
  });

  it("is none where an item was made of several", async () => {
    const nodes = [A, node("All", "aggregate", { aggregate: "aggregateAllItemData" }), told];
    const links = { Start: [["A"]], A: [["All"]], All: [["Tell"]] };
    await expect(run(nodes, links, people)).rejects.toThrow(NodeFailed);
    expect((await run(nodes, links, people.slice(0, 1))).items).toEqual([{ n: null, from: "ann" }]);
  });

  it("is taken by its place, and told, where it is not known what an item was made of", async () => {
    const shuffle = node("X", "sort", { type: "random" });
    const { items, report } = await run(
      [A, shuffle, told],
      { Start: [["A"]], A: [["X"]], X: [["Tell"]] },
      people.slice(0, 1),
    );
    expect(items).toEqual([{ n: 3, from: "ann" }]);
    expect(report.nodes.find(({ name }) => name === "Tell")).toMatchObject({ fidelity: "changed" });
  });

  it("is refused where the other node does not lead here", () => {
    const nodes = [node("Start", "manualTrigger"), A, set("B", {}), told];
    const { report } = readN8nWorkflow({ nodes, connections: connect({ Start: [["A", "B"]], B: [["Tell"]] }) });
    expect(report.nodes.find(({ name }) => name === "Tell")).toMatchObject({
      fidelity: "placeholder",
      notes: [expect.stringContaining('"A" does not come before')],
    });
  });
});

describe("settings of nodes", () => {
  it("executeOnce takes the first item, alwaysOutputData gives an empty one, a disabled node passes on", async () => {
    const once = { ...set("A", { n: "={{ $json.n }}" }), executeOnce: true };
    expect((await run([once], { Start: [["A"]] }, people)).items).toEqual([{ n: 3 }]);
    const none = node("A", "filter", where("={{ $json.n }}", "gt", 9), { typeVersion: 2 });
    const links = { Start: [["A"]], A: [["B"]] };
    expect((await run([none, set("B", { b: 1 })], links, people)).items).toEqual([]);
    const always = await run([{ ...none, alwaysOutputData: true }, set("B", { b: 1 })], links, people);
    expect(always.items).toEqual([{ b: 1 }]);
    expect(always.report.counts.changed).toBe(0);
    expect((await run([{ ...none, disabled: true }], { Start: [["A"]] }, people)).items).toEqual(people);
  });

  it.each(["continueRegularOutput", "continueErrorOutput"])("code that fails for one item: %s", async (onError) => {
    const jsCode = "if ($json.n === 1) throw new Error('no ones'); return { n: $json.n }";
    const bad = { ...node("A", "code", { mode: "runOnceForEachItem", jsCode }, { typeVersion: 2 }), onError };
    const { items } = await run(
      [
        bad,
        set("B", { ok: "={{ $json.n ?? $json.error }}" }),
        set("C", { bad: "={{ $json.error }}", name: "={{ $json.name }}" }),
      ],
      { Start: [["A"]], A: [["B"], ["C"]] },
      people,
    );
    expect(items).toEqual(
      onError === "continueErrorOutput"
        ? [{ ok: 3 }, { ok: 2 }, { bad: "no ones", name: "bo" }]
        : [{ ok: 3 }, { ok: "no ones" }, { ok: 2 }],
    );
  });
});

describe("what code knows of n8n", () => {
  it("items, nodes, times, the workflow and the execution", async () => {
    const jsCode = `
      const before = $('A').all().length + $items("A").length + $node["A"].json.n;
      return [{ json: { before, first: $input.first().json.name, last: $input.last().json.name, id: $execution.id,
        workflow: $workflow.name, year: $today.plus({ days: 1 }).toFormat('yyyy') === String($now.year) || true,
        day: DateTime.fromISO('2026-01-31').plus({ months: 1 }).toISODate(), empty: $ifEmpty('', 'none') } }];`;
    const { items } = await run(
      [A, node("X", "code", { jsCode }, { typeVersion: 2 })],
      { Start: [["A"]], A: [["X"]] },
      people,
    );
    const expected = {
      before: 9,
      first: "ann",
      last: "cy",
      id: "exe_7",
      workflow: "w",
      year: true,
      day: "2026-02-28",
      empty: "none",
    };
    expect(items).toEqual([expected]);
  });

  it("functions, functions for each item, and what they return", async () => {
    const all = node("X", "function", { functionCode: "items[0].json.seen = true;\nreturn [items[0]];" });
    expect((await run([all], { Start: [["X"]] }, people)).items).toEqual([{ name: "ann", n: 3, seen: true }]);
    const each = node("X", "functionItem", { functionCode: "item.twice = item.n * 2;\nreturn item;" });
    expect((await run([each], { Start: [["X"]] }, people.slice(1))).items).toEqual([
      { name: "bo", n: 1, twice: 2 },
      { name: "cy", n: 2, twice: 4 },
    ]);
    const single = node(
      "X",
      "code",
      { jsCode: "total = 0;\nfor (one of items) total += one.json.n;\nreturn { total }" },
      { typeVersion: 2 },
    );
    expect((await run([single], { Start: [["X"]] }, people)).items).toEqual([{ total: 6 }]);
  });
});
