import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT, sources } from "./sources.ts";

const readme = sources(/^README\.md$/)[0]?.text ?? "";
const manifest = JSON.parse(sources(/^package\.json$/)[0]?.text ?? "{}") as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};
const workspaces = sources(/^packages\/\w+\/package\.json$/).map(({ text }) => JSON.parse(text) as typeof manifest);

/** The rows of the table under a heading, without head and rule. */
function rowsUnder(heading: string): string[][] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

describe("README.md", () => {
  it("gives a reason of one line for every dependency, and for nothing else", () => {
    const rows = rowsUnder("Dependencies");
    const installed = [manifest, ...workspaces].flatMap(({ dependencies = {}, devDependencies = {} }) => [
      ...Object.keys(dependencies),
      ...Object.keys(devDependencies),
    ]);
    const outside = [...new Set(installed)].filter((name) => !name.startsWith("@weft/"));
    expect(rows.map(([name]) => name).sort()).toEqual(outside.map((name) => `\`${name}\``).sort());
    expect(rows.filter(([, reason = ""]) => reason.length < 8)).toEqual([]);
  });

  it("names scripts that exist, and all of them", () => {
    const named = [...readme.matchAll(/npm (?:run )?([a-z]+)\b/g)].map(([, name = ""]) => name);
    const scripts = Object.keys(manifest.scripts);
    expect(scripts.filter((name) => !named.includes(name))).toEqual([]);
    expect(named.filter((name) => !["ci", "install", "will"].includes(name) && !scripts.includes(name))).toEqual([]);
  });

  it("names files that exist", () => {
    const paths = [...readme.matchAll(/`((?:infra|functions|packages|test)\/[\w./-]+)`/g)].map(([, path = ""]) => path);
    expect(paths.length).toBeGreaterThan(15);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(existsSync(join(ROOT, "LICENSE"))).toBe(true);
  });

  it("says where a line of code lives, and .ci/run runs its test command", () => {
    expect(readme.replaceAll(/\s+/g, " ")).toContain(
      "If it names a CloudFormation resource it is in `infra`. If it sees an AWS event, an HTTP request or a Step " +
        "Functions input it is in `functions`. If it would still be true without AWS or HTTP it is in `packages`. If it " +
        "proves something it is in `test`.",
    );
    const ci = sources(/^\.ci\/run$/)[0]?.text ?? "";
    expect(ci.match(/^npm .*$/gm)).toEqual(["npm ci", "npm test", "npm run prove -- --minutes 15"]);
  });
});
