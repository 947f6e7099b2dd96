import { readdirSync, readFileSync } from "node:fs";
import { readDocument } from "@weft/engine/import/document";
import { formatOf, readImport } from "@weft/engine/import/read";
import { it } from "vitest";

const FIXTURES = new URL("../../../shared/fixtures/", import.meta.url);
it("survey", async () => {
  for (const folder of ["n8n-workflows", "dify-dsl"]) {
    const by = new Map<string, number>();
    const why = new Map<string, number>();
    for (const name of readdirSync(new URL(`${folder}/`, FIXTURES)).sort()) {
      try {
        const raw = await readDocument(readFileSync(new URL(`${folder}/${name}`, FIXTURES), "utf8"));
        const f = readImport(raw, formatOf(raw) as never, {});
        for (const n of f.report.nodes) {
          const k = `${n.from}\t${n.fidelity}`;
          by.set(k, (by.get(k) ?? 0) + 1);
          if (n.fidelity !== "exact") {
            const w = `${n.fidelity}\t${n.from.replace("n8n-nodes-base.", "")}\t${n.notes.join(" | ")}`;
            if (!w.includes("belong to a service") && !w.includes("serves another") && !w.includes("needs a model"))
              why.set(w, (why.get(w) ?? 0) + 1);
          }
        }
      } catch (e) {
        console.log(name, String(e));
      }
    }
    console.log(
      [...by]
        .sort()
        .map(([k, v]) => `${v}\t${k}`)
        .join("\n"),
    );
    console.log(
      [...why]
        .sort((a, b) => b[1] - a[1])
        .map(([k, v]) => `${v}\t${k}`)
        .join("\n"),
    );
  }
});
