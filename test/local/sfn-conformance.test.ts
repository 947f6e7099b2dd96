import { expect, test } from "vitest";
import { type Fixture, hasFixtures, loadFixtures } from "./asl-fixture.ts";
import { KNOWN } from "./asl-known.ts";
import { runFixture } from "./asl-run.ts";

/** The areas whose share of passing files is held; the others are counted. */
const HELD =
  /^(abort|assign|callback|catch|catch_jsonata|choice|express_sync|fail|jsonata_\w+|map_\w+|nested_sfn|parallel|pass|retry|task_\w+|timeouts|wait)$/;
const LEAST_SHARE = { JSONata: 0.95, JSONPath: 0.8 };

interface Row {
  area: string;
  language: string;
  passed: number;
  total: number;
}

function tally(fixtures: Fixture[], differences: Map<string, string>): Row[] {
  const rows = new Map<string, Row>();
  for (const { area, queryLanguage: language, name } of fixtures) {
    const key = `${area} ${language}`;
    const row = rows.get(key) ?? { area, language, passed: 0, total: 0 };
    rows.set(key, row);
    row.total++;
    if (!differences.has(name)) row.passed++;
  }
  return [...rows.values()];
}

function print(rows: Row[]): void {
  const lines = rows.map(
    ({ area, language, passed, total }) => `${area.padEnd(24)}${language.padEnd(10)}${passed}/${total}`,
  );
  process.stdout.write(`\nStates Language, recorded on AWS\n${lines.join("\n")}\n`);
}

function shareOf(rows: Row[], language: string): number {
  const held = rows.filter((row) => row.language === language && HELD.test(row.area));
  const sum = (field: "passed" | "total"): number => held.reduce((all, row) => all + row[field], 0);
  process.stdout.write(`held areas, ${language}: ${sum("passed")}/${sum("total")}\n`);
  return sum("passed") / sum("total");
}

if (!hasFixtures) process.stdout.write("conformance is not checked: ../shared/fixtures/asl-conformance is not here\n");

test.runIf(hasFixtures)("runs the executions recorded on AWS as AWS did", { timeout: 600_000 }, async () => {
  const fixtures = loadFixtures();
  const differences = new Map<string, string>();
  for (const fixture of fixtures) {
    const difference = await runFixture(fixture);
    if (difference !== undefined) differences.set(fixture.name, difference);
  }
  const rows = tally(fixtures, differences);
  print(rows);
  const unlisted = [...differences].filter(([name]) => !(name in KNOWN)).map(([name, why]) => `${name}: ${why}`);
  const stale = Object.keys(KNOWN).filter((name) => !differences.has(name));
  expect(shareOf(rows, "JSONata")).toBeGreaterThanOrEqual(LEAST_SHARE.JSONata);
  expect(shareOf(rows, "JSONPath")).toBeGreaterThanOrEqual(LEAST_SHARE.JSONPath);
  expect({ unlisted, stale }).toEqual({ unlisted: [], stale: [] });
});
