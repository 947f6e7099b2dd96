import { describe, expect, it } from "vitest";
import { completed, type Lock, missingEntries, platformOf, resolveEntry } from "../support/lock.ts";
import { sources } from "./sources.ts";

const text = (path: string): string => sources(new RegExp(`^${path.replaceAll(".", "\\.")}$`))[0]?.text ?? "";
const lock = JSON.parse(text("package-lock.json")) as Lock;
const manifest = JSON.parse(text("package.json")) as {
  engines: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};
/** Where `npm ci` has to work. */
const PLATFORMS = ["darwin", "linux", "win32"].flatMap((os) => ["x64", "arm64"].map((cpu) => ({ os, cpu })));

describe("the lock file", () => {
  it("is as npm run lock leaves it: every platform's packages, and nothing of where they came from", () => {
    expect(Object.keys(missingEntries(lock))).toEqual([]);
    expect(completed(lock)).toEqual(lock);
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved && !entry.link);
    expect(resolved).toEqual([]);
    expect(text("package-lock.json")).not.toMatch(/https?:\/\/[^"]*\.tgz/);
  });

  it("has, for each tool that comes as one binary a platform, the one of every platform that it supports", () => {
    const tools = Object.entries(lock.packages).filter(([, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).some((name) => platformOf(name)),
    );
    expect(tools.map(([path]) => path)).toEqual(
      expect.arrayContaining(["node_modules/@biomejs/biome", "node_modules/esbuild", "node_modules/typescript"]),
    );
    for (const [path, { optionalDependencies = {} }] of tools) {
      const entries = Object.keys(optionalDependencies).map(
        (name) => lock.packages[resolveEntry(lock, path, name) ?? ""],
      );
      for (const { os, cpu } of PLATFORMS) {
        const fits = entries.some((entry) => entry?.os?.includes(os) && (entry.cpu?.includes(cpu) ?? true));
        expect([path, os, cpu, fits]).toEqual([path, os, cpu, true]);
      }
    }
  });

  it("agrees with package.json, where every version is exact and the engine a wish", () => {
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const [name, version] of Object.entries(wanted)) {
      expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
    expect(manifest.engines.node).toBe(">=20");
    expect(text(".npmrc")).not.toMatch(/engine-strict|registry/);
  });
});

describe("npm run lock", () => {
  const tool = (wanted: Record<string, string>): Lock => ({
    lockfileVersion: 3,
    packages: { "node_modules/tool": { version: "1.0.0", dev: true, optionalDependencies: wanted } },
  });

  it("adds what is missing, by what the name says", () => {
    expect(missingEntries(tool({ "@tool/cli-darwin-arm64": "1.0.0", "@tool/cli-linux-x64-musl": "1.0.0" }))).toEqual({
      "node_modules/@tool/cli-darwin-arm64": {
        version: "1.0.0",
        dev: true,
        optional: true,
        cpu: ["arm64"],
        os: ["darwin"],
      },
      "node_modules/@tool/cli-linux-x64-musl": {
        version: "1.0.0",
        dev: true,
        optional: true,
        cpu: ["x64"],
        libc: ["musl"],
        os: ["linux"],
      },
    });
  });

  it("refuses to guess", () => {
    expect(() => missingEntries(tool({ helper: "1.0.0" }))).toThrow(/tells no platform/);
    expect(() => missingEntries(tool({ "cli-linux-x64": "^1.0.0" }))).toThrow(/a range/);
  });

  it("finds a package where Node would", () => {
    const nested: Lock = {
      lockfileVersion: 3,
      packages: { "node_modules/a/node_modules/b": {}, "node_modules/c": {}, "packages/d": {} },
    };
    expect(resolveEntry(nested, "node_modules/a", "b")).toBe("node_modules/a/node_modules/b");
    expect(resolveEntry(nested, "node_modules/a/node_modules/b", "c")).toBe("node_modules/c");
    expect(resolveEntry(nested, "packages/d", "c")).toBe("node_modules/c");
    expect(resolveEntry(nested, "node_modules/c", "b")).toBeUndefined();
  });
});
