import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { readN8nWorkflow } from "@weft/engine/n8n/read";
import { NodeFailed } from "@weft/engine/run/io";
import { afterAll, describe, expect, it } from "vitest";
import { runCanvas } from "./support.ts";

const sandbox = createSandbox(sandboxParts(import.meta.url));
afterAll(() => sandbox.close());

type Slots = (string | [name: string, input: number])[][];
const node = (name: string, type: string, parameters: object = {}, more: object = {}) => ({
  ...{ name, type: `n8n-nodes-base.${type}`, typeVersion: 1, parameters },
  ...more,
});
const set = (name: string, values: Record<string, unknown>, more: object = {}) => {
  const assignments = Object.entries(values).map(([key, value]) => ({ name: key, value, type: "any" }));
  return node(name, "set", { assignments: { assignments }, ...more }, { typeVersion: 3.4 });
};
const where = (leftValue: unknown, operation: string, rightValue: unknown) => ({
  conditions: { combinator: "and", options: {}, conditions: [{ leftValue, rightValue, operator: { operation } }] },
});
const connect = (links: Record<string, Slots>) =>
  Object.fromEntries(
    Object.entries(links).map(([from, slots]) => {
      const main = slots.map((slot) =>
        slot.map((to) => (typeof to === "string" ? { node: to, index: 0 } : { node: to[0], index: to[1] })),
      );
      return [from, { main }];
    }),
  );

async function run(nodes: object[], links: Record<string, Slots>, items: object[], over: object = {}) {
  const start = node("Start", "manualTrigger");
  const { canvas, report } = readN8nWorkflow({
    id: "wf",
    name: "w",
    nodes: [start, ...nodes],
    connections: connect(links),
  });
  expect(report.nodes.filter(({ fidelity }) => fidelity === "placeholder")).toEqual([]);
  const outcome = await runCanvas(
    canvas,
    { items },
    { deps: { code: sandbox, ...over }, system: { sys_execution_id: "exe_7" } },
  );
  if (outcome.status !== "done") throw new Error("it waits");
  return { items: outcome.output.items, report, records: outcome.run.records };
}
const told = set("Tell", { n: "={{ $json.n }}", from: "={{ $('A').item.json.name }}" });
const people = [
  { name: "ann", n: 3 },
  { name: "bo", n: 1 },
  { name: "cy", n: 2 },
];
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

describe("nodes over lists", () => {
  const both = (mode: object, version = 3) => [
    set("L", { id: "={{ $json.n }}", l: "={{ $json.name }}" }),
    node("F", "filter", where("={{ $json.n }}", "gt", 1), { typeVersion: 2 }),
    set("R", { id: "={{ $json.n }}", deep: { r: 1 } }),
    node("M", "merge", mode, { typeVersion: version }),
  ];
  const links: Record<string, Slots> = { Start: [["L", "F"]], F: [["R"]], L: [["M"]], R: [[["M", 1]]] };
  it.each<[string, object, number, unknown]>([
    [
      "enrichInput1",
      { mode: "combine", joinMode: "enrichInput1", fieldsToMatchString: "id" },
      3,
      ["ann+", "bo", "cy+"],
    ],
    [
      "keepNonMatches",
      { mode: "combine", joinMode: "keepNonMatches", outputDataFrom: "input1", fieldsToMatchString: "id" },
      3,
      ["bo"],
    ],
    [
      "keepMatches of input 1",
      { mode: "combine", joinMode: "keepMatches", outputDataFrom: "input1", fieldsToMatchString: "id" },
      3,
      ["ann", "cy"],
    ],
    [
      "removeKeyMatches of the first version",
      { mode: "removeKeyMatches", propertyName1: "id", propertyName2: "id" },
      1,
      ["bo"],
    ],
    ["the second input alone", { mode: "chooseBranch", useDataOfInput: 2 }, 3, ["undefined+", "undefined+"]],
  ])("merge: %s", async (_name, mode, version, expected) => {
    const { items } = await run(both(mode, version), links, people);
    expect((items as { l?: string; deep?: object }[]).map(({ l, deep }) => `${l}${deep ? "+" : ""}`)).toEqual(expected);
  });

  it("summarize, renameKeys, compareDatasets", async () => {
    const sum = node("X", "summarize", {
      fieldsToSummarize: {
        values: [
          { field: "n", aggregation: "sum" },
          { field: "name", aggregation: "concatenate", separateBy: "-" },
        ],
      },
    });
    expect((await run([sum], { Start: [["X"]] }, people)).items).toEqual([
      { sum_n: 6, concatenated_name: "ann-bo-cy" },
    ]);
    const rename = node("X", "renameKeys", { keys: { key: [{ currentKey: "n", newKey: "count" }] } });
    expect((await run([rename], { Start: [["X"]] }, people.slice(0, 1))).items).toEqual([{ name: "ann", count: 3 }]);
    const compare = node("M", "compareDatasets", { mergeByFields: { values: [{ field1: "id", field2: "id" }] } });
    const tell = (name: string) => set(name, { [name]: "={{ $json.id }}" });
    const { items } = await run(
      [...both({}).slice(0, 3), compare, tell("leftOnly"), tell("same"), tell("different"), tell("rightOnly")],
      { ...links, M: [["leftOnly"], ["same"], ["different"], ["rightOnly"]] },
      people,
    );
    expect(items).toEqual([{ leftOnly: 1 }, { different: 3 }, { different: 2 }]);
  });

  it("html, markdown and xml, item by item", async () => {
    const page = { data: "<ul><li>One <b>x</b></li><li>Two</li></ul><a href='/u'>go</a>" };
    const values = [
      { key: "all", cssSelector: "li", returnArray: true },
      { key: "text", cssSelector: "li" },
      { key: "link", cssSelector: "a", returnValue: "attribute", attribute: "href" },
      { key: "none", cssSelector: "h1" },
    ];
    const html = node("X", "html", { operation: "extractHtmlContent", extractionValues: { values } });
    expect((await run([html], { Start: [["X"]] }, [page])).items).toEqual([
      { all: ["One x", "Two"], text: "One xTwo", link: "/u" },
    ]);
    const markdown = node("X", "markdown", { html: "={{ $json.h }}" });
    expect((await run([markdown], { Start: [["X"]] }, [{ h: "<h1>A</h1>" }, { h: "<b>b</b>" }])).items).toEqual([
      { h: "<h1>A</h1>", data: "# A" },
      { h: "<b>b</b>", data: "**b**" },
    ]);
    const xml = node("X", "xml", {});
    expect((await run([xml], { Start: [["X"]] }, [{ data: "<a><b>1</b></a>" }])).items).toEqual([{ a: { b: "1" } }]);
  });

  it("items become a file, and a file items", async () => {
    const files = new Map<string, { bytes: Uint8Array; contentType: string; name: string }>();
    const store = {
      get: async (id: string) => files.get(id) ?? null,
      put: async () => undefined,
      create: async (file: { name: string; contentType: string; bytes: Uint8Array }) => {
        const id = `fil_${String(files.size + 1).padStart(26, "0")}`;
        files.set(id, file);
        return { id, name: file.name, contentType: file.contentType, size: file.bytes.length };
      },
    };
    const nodes = [
      node("Write", "convertToFile", { operation: "csv", options: { fileName: "people.csv" } }),
      node("Read", "extractFromFile", { operation: "csv" }),
    ];
    const { items, records } = await run(nodes, { Start: [["Write"]], Write: [["Read"]] }, people, { files: store });
    expect(items).toEqual(people.map(({ name, n }) => ({ name, n: String(n) })));
    expect([...files.values()].map(({ name }) => name)).toEqual(["people.csv"]);
    expect(
      (records.find(({ nodeId }) => nodeId === "Write")?.output as { items?: unknown } | undefined)?.items,
    ).toMatchObject([{ $binary: { data: { fileName: "people.csv", fileExtension: "csv" } } }]);
  });
});

describe("credentials", () => {
  const request = (more: object) => ({
    ...node(
      "Call",
      "httpRequest",
      {
        url: "https://example.com",
        authentication: "genericCredentialType",
        genericAuthType: "httpHeaderAuth",
        ...more,
      },
      { typeVersion: 4.2 },
    ),
    credentials: { httpHeaderAuth: { id: "theirs", name: "My key" } },
  });
  const read = (credentials: Record<string, string>, more = {}) =>
    readN8nWorkflow(
      {
        name: "w",
        nodes: [node("Start", "manualTrigger"), request(more)],
        connections: connect({ Start: [["Call"]] }),
      },
      { credentials },
    );

  it("are bound by their id or name, else told by both", () => {
    for (const key of ["theirs", "My key"]) {
      const { canvas, report } = read({ [key]: "crd_1" });
      expect(JSON.stringify(canvas)).toContain('"credentialId":"crd_1"');
      expect(report.credentials).toEqual([]);
      expect(report.counts).toMatchObject({ exact: 2, changed: 0 });
    }
    const { canvas, report } = read({});
    expect(JSON.stringify(canvas)).toContain('"credentialId":"unbound:httpHeaderAuth:theirs"');
    expect(report.credentials).toEqual([
      { nodeId: "Call", externalId: "theirs", type: "httpHeaderAuth", name: "My key" },
    ]);
    expect(report.counts).toMatchObject({ exact: 1, changed: 1, placeholder: 0 });
  });

  it("are asked for only where a request uses them", () => {
    expect(read({}, { authentication: "none" }).report.credentials).toEqual([]);
  });
});

describe("triggers", () => {
  it("are told with what they have to be set to", () => {
    const rule = (interval: object[]) => ({ rule: { interval } });
    const nodes = [
      node(
        "Daily",
        "scheduleTrigger",
        rule([
          { triggerAtHour: 9, triggerAtMinute: 30 },
          { field: "weeks", triggerAtDay: [1, 5], triggerAtHour: 8 },
        ]),
      ),
      node("Hook", "webhook", {
        path: "orders",
        httpMethod: "POST",
        responseMode: "responseNode",
        authentication: "basicAuth",
      }),
      node("Old", "cron", {
        triggerTimes: {
          item: [
            { mode: "everyHour", minute: 5 },
            { mode: "custom", cronExpression: "0 0 1 * *" },
          ],
        },
      }),
    ];
    const { report } = readN8nWorkflow({ name: "w", nodes, connections: {}, settings: { timezone: "Europe/Berlin" } });
    expect(report.triggers).toMatchObject([
      {
        name: "Daily",
        kind: "schedule",
        config: { timezone: "Europe/Berlin", rules: [{ cron: "30 9 * * *" }, { cron: "0 8 * * 1,5" }] },
      },
      {
        name: "Hook",
        kind: "webhook",
        config: { path: "orders", method: "POST", responseMode: "responseNode", authentication: "basicAuth" },
      },
      { name: "Old", kind: "schedule", config: { rules: [{ cron: "5 * * * *" }, { cron: "0 0 1 * *" }] } },
    ]);
  });
});
