import { readN8nWorkflow } from "@weft/engine/n8n/read";
import { describe, expect, it } from "vitest";
import { runCanvas } from "./support.ts";

type Slots = (string | [name: string, input: number])[][];

const node = (name: string, type: string, parameters: object = {}, more: object = {}) => ({
  name,
  type: `n8n-nodes-base.${type}`,
  typeVersion: 1,
  parameters,
  ...more,
});
const connect = (links: Record<string, Slots>) =>
  Object.fromEntries(
    Object.entries(links).map(([from, slots]) => [
      from,
      {
        main: slots.map((slot) =>
          slot.map((to) => (typeof to === "string" ? { node: to, index: 0 } : { node: to[0], index: to[1] })),
        ),
      },
    ]),
  );
const start = node("Start", "manualTrigger");

async function itemsOf(nodes: object[], links: Record<string, Slots>, input: Record<string, unknown> = {}, over = {}) {
  const { canvas, report } = readN8nWorkflow({ name: "w", nodes: [start, ...nodes], connections: connect(links) });
  expect(report.nodes.filter((one) => one.fidelity === "placeholder")).toEqual([]);
  const outcome = await runCanvas(canvas, input, over);
  if (outcome.status !== "done") throw new Error("it waits");
  return { items: outcome.output.items, records: outcome.run.records };
}

const set = (name: string, values: Record<string, unknown>, more: object = {}) =>
  node(
    name,
    "set",
    {
      assignments: { assignments: Object.entries(values).map(([key, value]) => ({ name: key, value, type: "any" })) },
      ...more,
    },
    { typeVersion: 3.4 },
  );
const condition = (leftValue: unknown, operation: string, rightValue: unknown) => ({
  conditions: { combinator: "and", options: {}, conditions: [{ leftValue, rightValue, operator: { operation } }] },
});
const numbers = (...list: number[]) => ({ items: list.map((n) => ({ n })) });

describe("workflows of n8n run as they did", () => {
  it("set, with expressions over the item and other nodes", async () => {
    const { items } = await itemsOf(
      [
        set("A", { greeting: "=Hi {{ $json.name }}!", "deep.tag": "x" }),
        set("B", {
          both: "={{ $json.greeting + ' ' + $('Start').item.json.name.toUpperCase() }}",
          list: "={{ [1, ...[2, 3]] }}",
        }),
      ],
      { Start: [["A"]], A: [["B"]] },
      { items: [{ name: "Ann" }, { name: "Bo" }] },
    );
    expect(items).toEqual([
      { both: "Hi Ann! ANN", list: [1, 2, 3] },
      { both: "Hi Bo! BO", list: [1, 2, 3] },
    ]);
  });

  it("if sends each item its way, and what got none does not run", async () => {
    const nodes = [
      node("If", "if", condition("={{ $json.n }}", "gt", 2), { typeVersion: 2 }),
      set("Big", { size: "big" }, { includeOtherFields: true }),
      set("Small", { size: "small" }, { includeOtherFields: true }),
    ];
    const links = { Start: [["If"]], If: [["Big"], ["Small"]] };
    const both = await itemsOf(nodes, links, numbers(1, 3, 5));
    expect(both.items).toEqual([
      { n: 3, size: "big" },
      { n: 5, size: "big" },
      { n: 1, size: "small" },
    ]);
    const one = await itemsOf(nodes, links, numbers(9));
    expect(one.items).toEqual([{ n: 9, size: "big" }]);
    expect(one.records.some((record) => record.nodeId === "Small")).toBe(false);
  });

  it("switch, filter, sort, limit, removeDuplicates, aggregate, splitOut, merge", async () => {
    const nodes = [
      node("Filter", "filter", condition("={{ $json.n }}", "notEquals", 4), { typeVersion: 2 }),
      node("Unique", "removeDuplicates"),
      node("Sort", "sort", { sortFieldsUi: { sortField: [{ fieldName: "n", order: "descending" }] } }),
      node("Limit", "limit", { maxItems: 3 }),
      node("All", "aggregate", { aggregate: "aggregateAllItemData" }),
      node("Split", "splitOut", { fieldToSplitOut: "data" }),
      node("Switch", "switch", {
        value1: "={{ $json.n }}",
        rules: { rules: [{ value2: 7 }, { value2: 5, output: 1 }] },
        fallbackOutput: 2,
      }),
      set("Seven", { was: "={{ $json.n }}" }),
      set("Five", { was: "={{ $json.n * 10 }}" }),
      set("Rest", { was: "={{ -$json.n }}" }),
      node("Merge", "merge", { mode: "append" }),
    ];
    const { items } = await itemsOf(
      nodes,
      {
        Start: [["Filter"]],
        Filter: [["Unique"]],
        Unique: [["Sort"]],
        Sort: [["Limit"]],
        Limit: [["All"]],
        All: [["Split"]],
        Split: [["Switch"]],
        Switch: [["Seven"], ["Five"], ["Rest"]],
        Seven: [["Merge"]],
        Five: [[["Merge", 1]]],
        Rest: [[["Merge", 1]]],
      },
      numbers(4, 7, 5, 7, 1, 2),
    );
    expect(items).toEqual([{ was: 7 }, { was: 50 }, { was: -2 }]);
  });

  it("merge by position and by key", async () => {
    const parts = [set("L", { id: "={{ $json.n }}", l: 1 }), set("R", { id: "={{ $json.n + 1 }}", r: 2 })];
    const links = { Start: [["L", "R"]], L: [["M"]], R: [[["M", 1] as [string, number]]] };
    const mode = (parameters: object) =>
      itemsOf([...parts, node("M", "merge", parameters, { typeVersion: 3 })], links, numbers(1, 2));
    expect((await mode({ mode: "combine", combineBy: "combineByPosition" })).items).toEqual([
      { id: 2, l: 1, r: 2 },
      { id: 3, l: 1, r: 2 },
    ]);
    expect((await mode({ mode: "combine", fieldsToMatchString: "id" })).items).toEqual([{ id: 2, l: 1, r: 2 }]);
  });

  it("a loop over batches", async () => {
    const { items, records } = await itemsOf(
      [
        node("Loop", "splitInBatches", { batchSize: 2 }, { typeVersion: 3 }),
        set("Body", { twice: "={{ $json.n * 2 }}" }),
        set("After", { after: "={{ $json.twice }}" }),
      ],
      { Start: [["Loop"]], Loop: [["After"], ["Body"]], Body: [["Loop"]] },
      numbers(1, 2, 3, 4, 5),
    );
    expect(items).toEqual([2, 4, 6, 8, 10].map((after) => ({ after })));
    expect(records.filter((record) => record.nodeId === "Body")).toHaveLength(3);
  });

  it("requests for each item, whose answers become items", async () => {
    const seen: string[] = [];
    const http = {
      request: async ({ url, body }: { url: string; body?: unknown }) => {
        seen.push(`${url} ${String(body)}`);
        return {
          status: 200,
          headers: {},
          body: new TextEncoder().encode(JSON.stringify([{ from: url }, { more: 1 }])),
        };
      },
    };
    const parameters = {
      method: "POST",
      url: "=https://example.com/{{ $json.n }}",
      sendBody: true,
      bodyParameters: { parameters: [{ name: "value", value: "={{ $json.n }}" }] },
    };
    const { items } = await itemsOf(
      [node("Call", "httpRequest", parameters, { typeVersion: 4.2 })],
      { Start: [["Call"]] },
      numbers(1, 2),
      { deps: { http } },
    );
    expect(seen.sort()).toEqual(['https://example.com/1 {"value":1}', 'https://example.com/2 {"value":2}']);
    expect(items).toEqual([
      { from: "https://example.com/1" },
      { more: 1 },
      { from: "https://example.com/2" },
      { more: 1 },
    ]);
  });

  it("disabled nodes pass through, and one of several triggers begins", async () => {
    const nodes = [
      set("Off", { gone: 1 }, {}),
      node("Other", "webhook"),
      set("Hook", { hooked: "={{ $json.n }}" }),
      node("None", "noOp"),
    ];
    Object.assign(nodes[0] as object, { disabled: true });
    const links = { Start: [["Off"]], Off: [["None"]], Other: [["Hook"]] };
    expect((await itemsOf(nodes, links, numbers(1))).items).toEqual([{ n: 1 }]);
    expect((await itemsOf(nodes, links, { ...numbers(1), trigger: "Other" })).items).toEqual([{ hooked: 1 }]);
  });

  it("an error trigger gives what an error workflow is told", async () => {
    const text =
      "={{ $json.workflow.name }}: {{ $json.execution.error.message }} at {{ $json.execution.lastNodeExecuted }}";
    const { items } = await itemsOf(
      [node("Failed", "errorTrigger"), set("Tell", { text })],
      { Failed: [["Tell"]] },
      {
        trigger: "Failed",
        execution: { id: "1", error: { message: "no stock" }, lastNodeExecuted: "Order" },
        workflow: { name: "Shop" },
      },
    );
    expect(items).toEqual([{ text: "Shop: no stock at Order" }]);
  });

  it("values that look like expressions stay values", async () => {
    const { items } = await itemsOf(
      [set("A", { a: "={{ $json.x }}", b: "{{ $json.x }}" })],
      { Start: [["A"]] },
      { x: "={{ $now }}" },
    );
    expect(items).toEqual([{ a: "={{ $now }}", b: "{{ $json.x }}" }]);
  });
});
