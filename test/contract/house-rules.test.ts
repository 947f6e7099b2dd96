import { describe, expect, it } from "vitest";
import { sources } from "./sources.ts";

const MAX_LINES = 400;

const code = sources(/\.(ts|js|mjs|cjs)$/);
const product = code.filter(({ path }) => /^(packages|functions|infra)\//.test(path));
const texts = sources(/(\.(ts|json|md|html|yml|yaml|sh)|^\.ci\/run|^\.npmrc|^\.gitignore|^\.gitattributes)$/);

// Words in pieces, so that this file does not hold what it looks for.
const word = (...pieces: string[]): string => pieces.join("");
const PLACEHOLDERS = new RegExp(
  `\\b(?:${[word("TO", "DO"), word("FIX", "ME"), word("HA", "CK"), word("not imple", "mented"), word("lorem ", "ipsum")].join("|")})\\b`,
  "i",
);
const MACHINE_PATHS = new RegExp(word("(?<![\\w.:/-])/(?:wo", "rk|ho", "me|Us", "ers|ro", "ot)/[\\w.-]"));
const REGISTRY_HOSTS = new RegExp(word("registry\\.npm", "js\\.org|verd", "accio|arti", "factory|npm", "mirror"), "i");
const COMPILERS = new RegExp(
  word("\\bev", "al\\s*\\(|new\\s+Func", "tion\\b|[\"'](?:node:)?v", "m[\"']|setTimeout\\(\\s*[\"'`]"),
);

/** Programs and expressions that sandbox and evaluator have to refuse: what they hold is never compiled here. */
const PAYLOADS = /^test\/(sandbox\/|engine\/expression-payloads\.test\.ts)/;
/** The folder of a program inside the Python interpreter's own file system. */
const GUEST_FOLDER = word('"/ho', 'me/pyodide"');

function offences(files: typeof code, pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

describe("the house rules", () => {
  it("look at everything", () => {
    expect(code.length).toBeGreaterThan(200);
    expect(texts.map(({ path }) => path)).toEqual(expect.arrayContaining(["README.md", "package.json", ".ci/run"]));
  });

  it("keep files short", () => {
    const long = code.map(({ path, text }) => `${path}: ${text.split("\n").length - 1}`);
    expect(long.filter((line) => Number(line.split(": ")[1]) > MAX_LINES)).toEqual([]);
  });

  it("allow no placeholders", () => {
    expect(offences(texts, PLACEHOLDERS)).toEqual([]);
    expect(PLACEHOLDERS.test(word("// TO", "DO: later"))).toBe(true);
  });

  it("allow no string to become code", () => {
    expect(
      offences(
        code.filter(({ path }) => !PAYLOADS.test(path)),
        COMPILERS,
      ),
    ).toEqual([]);
    for (const bad of [word("ev", 'al("1")'), word("new Func", "tion(a)"), word('from "node:v', 'm"')]) {
      expect(COMPILERS.test(bad)).toBe(true);
    }
  });

  it("allow no path of a machine and no host of a package registry", () => {
    expect(offences(texts, MACHINE_PATHS).filter((line) => !line.includes(GUEST_FOLDER))).toEqual([]);
    expect(offences(texts, REGISTRY_HOSTS)).toEqual([]);
    expect(MACHINE_PATHS.test(word('"/ho', 'me/ada/x"'))).toBe(true);
    expect(MACHINE_PATHS.test("/api/users/me")).toBe(false);
  });

  it("let every test run", () => {
    const tests = code.filter(({ path }) => path.endsWith(".test.ts"));
    const banned = new RegExp(word("\\b(?:it|test|describe)\\.(?:on", "ly|to", "do|sk", "ip)\\b"));
    expect(offences(tests, banned)).toEqual([]);
  });

  it("let engine and core have the time from outside", () => {
    const pure = product.filter(({ path }) => /^packages\/(engine|core)\//.test(path));
    expect(offences(pure, /\bDate\.now\(\)|new Date\(\)/)).toEqual([]);
  });
});
