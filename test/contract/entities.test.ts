import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { INDEXES, TABLE_KEY } from "@weft/db/indexes";
import { SERVICE } from "@weft/db/table";
import { Entity } from "electrodb";
import { describe, expect, it } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;

interface Index {
  index?: string;
  type?: string;
  pk: { field: string; facets?: string[]; composite?: string[]; casing?: string };
  sk?: { field: string; facets?: string[]; composite?: string[]; casing?: string };
}

interface Model {
  model: { entity: string; service: string; version: string };
  attributes: Record<string, { type: unknown }>;
  indexes: Record<string, Index>;
}

/**
 * Access patterns of the primary key that do not start with the space (or with `scope`, which is a space or
 * `platform`). Each is a row that belongs to no space.
 */
const WITHOUT_SPACE: readonly string[] = [];

async function models(): Promise<Model[]> {
  const files = ["packages/db/src", "packages/core/src"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(ROOT, folder, file))
      .filter((file) => readFileSync(file, "utf8").includes("= new Entity(")),
  );
  const modules = await Promise.all(files.map((file) => import(file)));
  const found = modules.flatMap((module) => Object.values(module).filter((value) => value instanceof Entity));
  return found.map((entity) => (entity as unknown as { model: { original: Model } }).model.original);
}

const all = await models();
const compositeOf = (key: Index["pk"] | undefined) => key?.composite ?? key?.facets ?? [];

/** Made of node ids and turns, `batch.3/http`: the canvas lets no other characters into them. */
const NODE_PATHS = ["nodeexecution.path", "nodecursor.path"];

describe("entities", () => {
  it("are found", () => expect(all.length).toBeGreaterThanOrEqual(7));

  it("have one service and names of their own, in lower case", () => {
    const names = all.map(({ model }) => model.entity);
    expect(new Set(names).size).toBe(names.length);
    for (const { model } of all) {
      expect(model.service).toBe(SERVICE);
      expect(model.entity).toMatch(/^[a-z]+$/);
      expect(model.version).toBe("1");
    }
  });

  it("use the table's keys as they are meant: isolated, an sk always, no casing of their own", () => {
    for (const { model, indexes } of all) {
      for (const [pattern, { index, type, pk, sk }] of Object.entries(indexes)) {
        const keys = index === undefined ? TABLE_KEY : INDEXES[index as keyof typeof INDEXES];
        expect([model.entity, pattern, pk.field, sk?.field]).toEqual([model.entity, pattern, keys.pk, keys.sk]);
        expect([model.entity, pattern, type ?? "isolated", pk.casing]).toEqual([
          model.entity,
          pattern,
          "isolated",
          undefined,
        ]);
      }
    }
  });

  it("start their key with their space or scope, but for a list", () => {
    const others = all
      .filter(({ indexes }) => {
        const primary = Object.values(indexes).find(({ index }) => index === undefined);
        return !["spaceId", "scope"].includes(compositeOf(primary?.pk)[0] ?? "");
      })
      .map(({ model }) => model.entity);
    expect(others.sort()).toEqual([...WITHOUT_SPACE].sort());
  });

  it("compose keys of ids, states, days and hashes, never of what people write", () => {
    const written = /^(name|title|label|email|slug|url|path|value|text|description|account)$/i;
    for (const { model, indexes } of all) {
      const parts = Object.values(indexes).flatMap(({ pk, sk }) => [...compositeOf(pk), ...compositeOf(sk)]);
      const found = parts.filter((part) => written.test(part) && !NODE_PATHS.includes(`${model.entity}.${part}`));
      expect([model.entity, found]).toEqual([model.entity, []]);
    }
  });

  it("agree on the type of a key attribute of the same name", () => {
    const types = new Map<string, string>();
    for (const { model, attributes, indexes } of all) {
      const parts = Object.values(indexes).flatMap(({ pk, sk }) => [...compositeOf(pk), ...compositeOf(sk)]);
      for (const part of new Set(parts)) {
        const type = attributes[part]?.type;
        const kind = Array.isArray(type) ? "string" : String(type);
        expect([model.entity, part, types.get(part) ?? kind]).toEqual([model.entity, part, kind]);
        types.set(part, kind);
      }
    }
  });
});
