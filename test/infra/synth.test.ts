import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functions } from "../../functions/manifest.ts";
import { synthKey, synthTemplates } from "../../infra/synth.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "weft-synth-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("synthTemplates", () => {
  test("writes the templates once, and again only when something changed", async () => {
    const outdir = join(directory, "cloud");
    const first = await synthTemplates({ outdir, bundling: false });
    expect(first.cached).toBe(false);
    const names = first.templates.map((path) => path.slice(outdir.length + 1));
    expect(names).toEqual(
      ["Api", "Execution", "Observability", "Schedule", "State"].map((stack) => `${stack}.template.json`),
    );

    const marked = new Set<string>();
    for (const path of first.templates) {
      const template = JSON.parse(await readFile(path, "utf8"));
      for (const resource of Object.values<{ Metadata?: { weft?: string } }>(template.Resources)) {
        if (resource.Metadata?.weft) marked.add(resource.Metadata.weft);
      }
    }
    expect([...marked].sort()).toEqual(functions.map((spec) => spec.name).sort());

    expect(await synthTemplates({ outdir, bundling: false })).toEqual({ ...first, cached: true });
    expect((await synthTemplates({ outdir, bundling: false, stage: "staging" })).cached).toBe(false);
  });

  test("a synth that did not end is not taken for a good one", async () => {
    const outdir = join(directory, "broken");
    await expect(synthTemplates({ outdir, bundling: false, stage: "nowhere" })).rejects.toThrow(
      'unknown stage "nowhere"',
    );
    await writeFile(join(outdir, "State.template.json"), "{}");
    expect((await synthTemplates({ outdir, bundling: false })).cached).toBe(false);
  });

  test("the key covers what it is salted with and is stable", async () => {
    expect(await synthKey("a")).toBe(await synthKey("a"));
    expect(await synthKey("a")).not.toBe(await synthKey("b"));
  });
});
