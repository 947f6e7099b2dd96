import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { readN8nWorkflow } from "@weft/engine/n8n/read";
import { afterAll, describe, expect, it } from "vitest";
import { connect, node, people, run as play, type Slots, set, where } from "./n8n-play.ts";

const sandbox = createSandbox(sandboxParts(import.meta.url));
afterAll(() => sandbox.close());

const run = (...[nodes, links, items, over = {}]: Parameters<typeof play>) =>
  play(nodes, links, items, { code: sandbox, ...over });

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
