import { mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functions } from "../../functions/manifest.ts";
import { synthTemplates } from "../../infra/synth.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "weft-synth-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("synthTemplates", { timeout: 90_000 }, () => {
  test("writes the templates once, and again only when something changed", async () => {
    const outdir = join(directory, "cloud");
    const first = await synthTemplates({ outdir });
    expect(first.cached).toBe(false);
    const names = first.templates.map((path) => path.slice(first.directory.length + 1));
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
    expect(await synthTemplates({ outdir })).toEqual({ ...first, cached: true });

    await rename(first.directory, join(outdir, "dev-of-another-time"));
    expect((await synthTemplates({ outdir })).cached).toBe(false);
    expect(await readdir(outdir)).toEqual([basename(first.directory)]);
  });

  test("two at once make one, and one that fails leaves nothing", async () => {
    const outdir = join(directory, "both");
    const [one, other] = await Promise.all([synthTemplates({ outdir }), synthTemplates({ outdir })]);
    expect(one.templates).toEqual(other.templates);
    await expect(synthTemplates({ outdir, stage: "nowhere" })).rejects.toThrow('unknown stage "nowhere"');
    expect(await readdir(outdir)).toEqual([basename(one.directory)]);
  });
});
