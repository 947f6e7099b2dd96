import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const files = globSync("{packages,functions,infra}/**/*.ts", {
  cwd: root,
  exclude: (path) => path.includes("node_modules"),
});

const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)"([^"]+)"/g;

interface Import {
  file: string;
  /** `core/identity/access` for a package's module, a path from the root for a relative one, a name for anything else. */
  target: string;
}

function targetOf(file: string, name: string): string {
  if (name.startsWith("@weft/")) return `packages/${name.slice("@weft/".length).replace("/", "/src/")}.ts`;
  return name.startsWith(".") ? relative(root, join(root, dirname(file), name)) : name;
}

const imports: Import[] = files.flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(IMPORT)].map((match) => ({
    file,
    target: targetOf(file, match[1] ?? ""),
  })),
);

/** `packages/core`, `functions`, `infra`; undefined for what is not ours. */
function areaOf(path: string): string | undefined {
  return /^(packages\/[a-z]+|functions|infra|test)(?=\/)/.exec(path)?.[1];
}

/** Which of our own parts each part may import, beside itself. */
const ALLOWED: Record<string, readonly string[]> = {
  "packages/kernel": [],
  "packages/db": ["packages/kernel"],
  "packages/storage": ["packages/kernel"],
  "packages/http": ["packages/kernel"],
  "packages/engine": ["packages/kernel"],
  "packages/core": ["packages/kernel", "packages/db", "packages/storage", "packages/http", "packages/engine"],
  "packages/adapters": ["packages/kernel", "packages/core", "packages/engine"],
  functions: [
    "packages/kernel",
    "packages/db",
    "packages/storage",
    "packages/http",
    "packages/engine",
    "packages/core",
    "packages/adapters",
  ],
};

/** Each domain imports only from those before it. */
const DOMAINS =
  "platform audit identity file kv credential model billing variable prompt plugin knowledge database sql code workflow execution agent conversation app dataset evaluator experiment trigger admin".split(
    " ",
  );

const domainOf = (path: string): string | undefined => /^packages\/core\/src\/([a-z-]+)\//.exec(path)?.[1];
const show = ({ file, target }: Import): string => `${file} → ${target}`;
const wrong = (rule: (one: Import) => boolean): string[] => imports.filter(rule).map(show);

describe("imports", () => {
  it("are found", () => {
    expect(imports.length).toBeGreaterThan(300);
    expect(imports.some(({ target }) => target === "packages/kernel/src/errors.ts")).toBe(true);
  });

  it.each(Object.entries(ALLOWED))("of %s go one way", (area, allowed) => {
    const leave = wrong(({ file, target }) => {
      const to = areaOf(target);
      return areaOf(file) === area && to !== undefined && to !== area && !allowed.includes(to);
    });
    expect(leave).toEqual([]);
  });

  it("of infra reach the manifest and the index names alone", () => {
    const reachable = ["functions/manifest.ts", "packages/db/src/indexes.ts"];
    const leave = wrong(({ file, target }) => {
      const to = areaOf(target);
      return areaOf(file) === "infra" && to !== undefined && to !== "infra" && !reachable.includes(target);
    });
    expect(leave).toEqual([]);
  });

  it("between domains go backwards in their order", () => {
    const leave = wrong(({ file, target }) => {
      const [from, to] = [domainOf(file), domainOf(target)];
      return from !== undefined && to !== undefined && DOMAINS.indexOf(to) > DOMAINS.indexOf(from);
    });
    expect(leave).toEqual([]);
    const unknown = imports.map(({ file }) => domainOf(file)).filter((name) => name && !DOMAINS.includes(name));
    expect(unknown).toEqual([]);
  });

  it("between domains never take another's entity", () => {
    const leave = wrong(
      ({ file, target }) =>
        target.endsWith(".entity.ts") && areaOf(file) === "packages/core" && domainOf(file) !== domainOf(target),
    );
    expect(leave).toEqual([]);
  });

  it("of the kernel are few, and middy and AWS stay where they belong", () => {
    const kernel = wrong(
      ({ file, target }) =>
        areaOf(file) === "packages/kernel" && areaOf(target) === undefined && !/^(node:|zod$|ulid$)/.test(target),
    );
    expect(kernel).toEqual([]);
    expect(wrong(({ file, target }) => target.startsWith("@middy/") && areaOf(file) !== "packages/http")).toEqual([]);
    const pure = ["packages/kernel", "packages/engine", "packages/http"];
    expect(wrong(({ file, target }) => target.startsWith("@aws-sdk/") && pure.includes(areaOf(file) ?? ""))).toEqual(
      [],
    );
    expect(
      wrong(
        ({ file, target }) => target === "electrodb" && !["packages/db", "packages/core"].includes(areaOf(file) ?? ""),
      ),
    ).toEqual([]);
  });
});
