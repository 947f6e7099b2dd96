import { readdirSync, readFileSync } from "node:fs";
import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import { readDocument } from "@weft/engine/import/document";
import { formatOf, readImport } from "@weft/engine/import/read";
import { AppError } from "@weft/kernel/errors";
import { describe, expect, it } from "vitest";
import { hasFixtures } from "./support.ts";

const FIXTURES = new URL("../../../shared/fixtures/", import.meta.url);

async function read(folder: string, name: string) {
  const raw = await readDocument(readFileSync(new URL(`${folder}/${name}`, FIXTURES), "utf8"));
  const format = formatOf(raw);
  if (format === "package") throw new Error("it is no package");
  return { format, ...readImport(raw, format, {}) };
}

const names = (folder: string): string[] => readdirSync(new URL(`${folder}/`, FIXTURES)).sort();
const share = (part: number, all: number): string => `${((100 * part) / Math.max(1, all)).toFixed(1)} %`;

async function survey(folder: string, format: string) {
  const counts = { exact: 0, changed: 0, placeholder: 0 };
  const expressions = { translated: 0, untranslated: 0 };
  const refused: string[] = [];
  for (const name of names(folder)) {
    let found: Awaited<ReturnType<typeof read>>;
    try {
      found = await read(folder, name);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(AppError);
      const issues = ((thrown as AppError).details as { issues?: { message: string }[] })?.issues;
      refused.push(`${name}: ${issues?.[0]?.message ?? (thrown as AppError).message}`);
      continue;
    }
    expect(found.format).toBe(format);
    for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += found.report.counts[key];
    for (const key of Object.keys(expressions) as (keyof typeof expressions)[]) {
      expressions[key] += found.report.expressions[key];
    }
    const { issues } = compile(readCanvas(structuredClone(found.canvas)));
    const blocked = new Set(
      found.report.nodes.filter((node) => node.fidelity === "placeholder").map((node) => node.nodeId),
    );
    const errors = issues.filter((issue) => issue.severity === "error");
    for (const issue of errors) expect.soft(blocked, `${name} ${issue.path}: ${issue.message}`).toContain(issue.nodeId);
    for (const node of found.report.nodes) if (node.fidelity !== "exact") expect(node.notes.join("")).not.toBe("");
  }
  const all = counts.exact + counts.changed + counts.placeholder;
  const rows = Object.entries(counts).map(([name, count]) => `${name} | ${count} | ${share(count, all)}`);
  console.info(
    [
      `${format} | ${all} nodes`,
      ...rows,
      `expressions | ${expressions.translated} of ${expressions.translated + expressions.untranslated} translated`,
      `refused | ${refused.length}`,
      ...refused,
    ].join("\n  "),
  );
  return { counts, expressions, refused };
}

describe.runIf(hasFixtures())("published workflows", () => {
  it("of n8n come in, or are refused by name", async () => {
    const { refused, counts, expressions } = await survey("n8n-workflows", "n8n");
    expect(counts.exact + counts.changed + counts.placeholder).toBe(1_132);
    expect(counts.exact).toBeGreaterThanOrEqual(634);
    expect(refused.filter((line) => !/cycle|JSON/.test(line))).toEqual([]);
    expect(refused.filter((line) => /JSON/.test(line))).toEqual([expect.stringMatching(/^37-.*line 397, column 2/)]);
    expect(counts.exact).toBeGreaterThan(counts.placeholder);
    expect(expressions.translated).toBeGreaterThan(20 * expressions.untranslated);
  });

  it("of Dify come in", async () => {
    const { refused, counts } = await survey("dify-dsl", "dify");
    expect(counts.exact + counts.changed + counts.placeholder).toBe(143);
    expect(counts.exact).toBeGreaterThanOrEqual(92);
    expect(refused).toEqual([]);
  });
});

describe("files that are none", () => {
  const refused = async (text: unknown): Promise<string> => {
    try {
      const raw = await readDocument(text);
      const format = formatOf(raw);
      if (format !== "package") compile(readImport(raw, format, {}).canvas);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(AppError);
      const issues = ((thrown as AppError).details as { issues?: { path: string; message: string }[] })?.issues ?? [];
      return `${(thrown as AppError).message} ${issues.map(({ path, message }) => `${path}: ${message}`).join("; ")}`;
    }
    throw new Error("it was read");
  };
  const n8n = (nodes: unknown[], connections: unknown = {}) => ({ nodes, connections });
  const node = (name: string, type = "n8n-nodes-base.noOp") => ({ name, type, parameters: {} });
  const to = (name: string) => ({ main: [[{ node: name, type: "main", index: 0 }]] });

  it.each([
    ["two documents", '{"a": 1}\n{"b": 2}', /line 2, column 1/],
    ["an open object", '{"nodes": [', /JSON/],
    ["YAML with a tab", "a:\n\t- b: c\n  d: [", /YAML.*line \d+, column \d+/],
    [
      "a YAML bomb",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghij"
        .split("")
        .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${"abcdefghi"[i]}`).join(",")}]`)
        .join("\n")}`,
      /./,
    ],
    ["a list", "[1, 2]", /object/],
    ["a word", "hello", /object/],
    ["nothing", null, /object/],
    ["too deep", `${"[".repeat(10_000)}1${"]".repeat(10_000)}`, /./],
    ["a node without a name", n8n([{ type: "n8n-nodes-base.noOp" }]), /nodes\.0/],
    ["no nodes", n8n([]), /nodes/],
    ["2,001 nodes", n8n(Array.from({ length: 2_001 }, (_, i) => node(`n${i}`))), /2000/],
    ["a cycle", n8n([node("a"), node("b")], { a: to("b"), b: to("a") }), /cycle "a" → "b"/],
    ["a node that leads to itself", n8n([node("a")], { a: to("a") }), /cycle "a"/],
    ["an app without a workflow", { app: { mode: "chat" }, kind: "app" }, /chat/],
    [
      "a Dify graph without ids",
      { app: {}, kind: "app", workflow: { graph: { nodes: [{ data: {} }] } } },
      /nodes\.0\.id/,
    ],
  ])("%s", async (_name, given, named) => {
    expect(await refused(given)).toMatch(named);
  });

  it("null slots, dangling targets, twice the same name and connections by id are told, not refused", () => {
    const first = { ...node("a", "n8n-nodes-base.manualTrigger"), id: "id-a" };
    const raw = n8n([first, node("b"), node("b"), null], {
      "id-a": { main: [null, [{ node: "ghost" }], [{ node: "b" }]], ai_tool: "odd" },
      nobody: to("a"),
    });
    const { report, canvas } = readImport(raw as never, "n8n", {});
    expect(report.notes.length).toBeGreaterThan(2);
    expect(compile(canvas).issues.filter((issue) => issue.severity === "error")).toEqual([]);
  });
});
