import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import { readDocument } from "@weft/engine/import/document";
import { formatOf, readImport } from "@weft/engine/import/read";
import { median, type Row, shownOnly } from "./row.ts";

/** Nodes of each file: as many as a canvas may have by default. */
const NODES = 400;
const WARM_UP = 2;

const ids = Array.from({ length: NODES }, (_none, at) => `n${at}`);

function n8nFile(): object {
  const value = (at: number) => (at === 0 ? "start" : `={{ $json.v + '-${at}' }}`);
  const nodes = ids.map((id, at) => ({
    id,
    name: `Set ${at}`,
    type: "n8n-nodes-base.set",
    typeVersion: 3.4,
    position: [at * 200, 0],
    parameters: { assignments: { assignments: [{ id, name: "v", type: "string", value: value(at) }] } },
  }));
  const begin = { id: "begin", name: "Start", type: "n8n-nodes-base.manualTrigger", typeVersion: 1, position: [0, 0] };
  const names = ["Start", ...nodes.map(({ name }) => name)];
  const connections = names
    .slice(1)
    .map((name, at) => [names[at], { main: [[{ node: name, type: "main", index: 0 }]] }]);
  return {
    name: "large",
    nodes: [{ ...begin, parameters: {} }, ...nodes],
    connections: Object.fromEntries(connections),
  };
}

function difyFile(): object {
  const all = ["s", ...ids, "e"];
  const nodes = ids.map((id, at) => ({
    id,
    data: {
      type: "template-transform",
      title: id,
      template: "<{{ v }}>",
      variables: [{ variable: "v", value_selector: at === 0 ? ["s", "q"] : [ids[at - 1], "output"] }],
    },
  }));
  const variables = [{ variable: "q", label: "q", type: "text-input", required: true }];
  const outputs = [{ variable: "v", value_selector: [ids.at(-1), "output"] }];
  const graph = {
    nodes: [
      { id: "s", data: { type: "start", title: "Start", variables } },
      ...nodes,
      { id: "e", data: { type: "end", title: "End", outputs } },
    ],
    edges: all.slice(1).map((target, at) => ({ id: `x${at}`, source: all[at], target })),
  };
  return { kind: "app", version: "0.3.0", app: { name: "large", mode: "workflow" }, workflow: { graph } };
}

function cozeFile(): object {
  const ref = (blockID: string, name: string) => ({ type: "ref", content: { source: "block-output", blockID, name } });
  const all = ["100001", ...ids.map((_id, at) => String(200_000 + at)), "900001"];
  const nodes = all.slice(1, -1).map((id, at) => ({
    id,
    type: "15",
    data: {
      inputs: {
        method: "concat",
        concatParams: [
          { name: "concatResult", input: { type: "string", value: { type: "literal", content: "<{{v}}>" } } },
        ],
        inputParameters: [
          { name: "v", input: { type: "string", value: ref(all[at] as string, at === 0 ? "q" : "output") } },
        ],
      },
      outputs: [{ type: "string", name: "output", required: true }],
    },
  }));
  const result = [{ name: "out", input: { type: "string", value: ref(all.at(-2) as string, "output") } }];
  return {
    nodes: [
      { id: "100001", type: "1", data: { outputs: [{ type: "string", name: "q", required: true }] } },
      ...nodes,
      { id: "900001", type: "2", data: { inputs: { terminatePlan: "returnVariables", inputParameters: result } } },
    ],
    edges: all.slice(1).map((targetNodeID, at) => ({ sourceNodeID: all[at], targetNodeID, sourcePortID: "" })),
  };
}

/** What it takes to read a large file of another system and to compile what was read. */
export async function importRows(isQuick: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, file] of Object.entries({ n8n: n8nFile(), dify: difyFile(), coze: cozeFile() })) {
    const text = JSON.stringify(file);
    const times: number[] = [];
    for (let run = 0; run < WARM_UP + (isQuick ? 5 : 20); run += 1) {
      const begun = performance.now();
      const raw = await readDocument(text);
      const format = formatOf(raw);
      if (format !== name) throw new Error(`the file of ${name} was taken for one of ${format}`);
      const { canvas, report } = readImport(raw, name as "n8n" | "dify" | "coze", {});
      compile(readCanvas(structuredClone(canvas)));
      if (run >= WARM_UP) times.push(performance.now() - begun);
      const read = report.counts.exact + report.counts.changed;
      if (read < NODES) throw new Error(`${read} of ${NODES} nodes of ${name} were read`);
    }
    rows.push(shownOnly("import: read and compile", `${name}, ${NODES} nodes`, median(times), "ms"));
  }
  return rows;
}
