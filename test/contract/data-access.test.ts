import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;

function sources(...folders: string[]): { path: string; text: string }[] {
  return folders.flatMap((folder) => {
    let files: string[];
    try {
      files = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
    } catch {
      return [];
    }
    return files
      .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
      .map((file) => ({ path: join(folder, file), text: readFileSync(join(ROOT, folder, file), "utf8") }));
  });
}

const product = sources(
  "packages/kernel",
  "packages/storage",
  "packages/http",
  "packages/engine",
  "packages/core",
  "packages/adapters",
  "functions",
);
const db = sources("packages/db");
const entities = [...product, ...db].flatMap(({ text }) =>
  [...text.matchAll(/const (\w+) = new Entity\(/g)].map((match) => match[1] as string),
);

function offences(files: typeof product, pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) => [...text.matchAll(pattern)].map((match) => `${path}: ${match[0]}`));
}

describe("access to the table", () => {
  it("knows the entities it looks after", () => {
    expect(entities).toEqual(expect.arrayContaining(["Unique", "Lock", "LoginLogs", "JobResults"]));
    expect(new Set(entities).size).toBe(entities.length);
  });

  it("is never a scan: no scan, find or match of an entity or a service", () => {
    const names = [...entities, String.raw`\w*[eE]ntity`, String.raw`\w*[sS]ervice\.entities\.\w+`].join("|");
    const banned = new RegExp(String.raw`\b(?:${names})\s*\.\s*(?:scan|find|match)\b|\.scan\b|ScanCommand`, "g");
    expect(offences([...product, ...db], banned)).toEqual([]);
    expect("Lock.find({})".match(banned)).not.toBeNull();
    expect("Lock\n  .match({})".match(banned)).not.toBeNull();
    expect("list.find(x)".match(banned)).toBeNull();
  });

  it("goes through ElectroDB outside of packages/db: no raw parameters, data or client", () => {
    const raw =
      /\.params\(|data:\s*["'](?:raw|includeKeys)["']|from "@aws-sdk\/(?:lib-dynamodb|client-dynamodb|util-dynamodb)"/g;
    expect(offences(product, raw)).toEqual([]);
  });

  it("has one client: an entity takes ELECTRO and nothing else", () => {
    const files = [...product, ...db].filter(({ text }) => text.includes("= new Entity("));
    for (const { path, text } of files) {
      const made = text.match(/= new Entity\(/g)?.length;
      expect([path, text.match(/^\s*ELECTRO,\s*\n\s*\);?/gm)?.length]).toEqual([path, made]);
    }
  });
});
