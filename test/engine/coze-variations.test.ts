import { type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { validate } from "@weft/engine/compile";
import { nodeTypes } from "@weft/engine/nodes/index";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allCases, canvasAt, hindrance, type Played } from "./coze-cases.ts";
import { Stage } from "./coze-play.ts";
import { Varied } from "./coze-vary.ts";
import { fixtureNames } from "./support.ts";

/** `npm run prove` sets both; the sample of `npm test` is fixed so that it fails for everybody or nobody. */
const VARIATIONS = Number(process.env.WEFT_SEEDS ?? 200);
const FIRST_SEED = Number(process.env.WEFT_FIRST_SEED ?? 1);
const LONG = 3_600_000;

const cases = allCases().filter(({ item }) => item.kind !== "validate" && item.kind !== "api");
const playable = cases.filter((played) => hindrance(played) === undefined);

/** Python takes its time: of its cases fewer variations are played. */
const isSlow = ({ oracle, item }: Played): boolean =>
  typeof item.setup?.code !== "object" && JSON.stringify(canvasAt(oracle.canvas)).includes('"type":"5"');
const quick = playable.filter((played) => !isSlow(played));
const slow = playable.filter(isSlow);

describe.runIf(playable.length > 0)("a canvas of Coze in another form", () => {
  const stage = new Stage();
  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  it("gives the same results", { timeout: LONG }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + VARIATIONS; seed += 1) {
      const group = seed % 25 === 0 ? slow : quick;
      const played = group[seed % group.length] as Played;
      await stage.play(played, new Varied(seed)).catch((thrown: unknown) => {
        throw new Error(`seed ${seed}, ${played.title}: ${thrown}`, { cause: thrown });
      });
    }
  });

  it("has the same nodes and the same faults", { timeout: LONG }, () => {
    const names = fixtureNames("coze-canvases");
    expect(names).toHaveLength(50);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + VARIATIONS; seed += 1) {
      const path = names[seed % names.length] as string;
      const varied = new Varied(seed);
      const other = readCanvas(varied.canvas(path));
      const given = readCanvas(canvasAt(path));
      const inOther = (lines: string[]) => lines.map((line) => varied.text(path, line)).sort();
      expect(nodesOf(other.nodes).sort(), `seed ${seed}, ${path}`).toEqual(inOther(nodesOf(given.nodes)));
      expect(faultsOf(other).sort(), `seed ${seed}, ${path}`).toEqual(inOther(faultsOf(given)));
    }
  });
});

/** Every node with what decides how it runs; a type that is not installed keeps its configuration as it came. */
function nodesOf(nodes: readonly CanvasNode[]): string[] {
  return nodes.flatMap(({ id, type, data }) => {
    const { body, config, inputs, onError } = data;
    const read = nodeTypes.has(type) ? config : null;
    return [JSON.stringify([id, type, read, inputs, onError]), ...nodesOf(body?.nodes ?? [])];
  });
}

function faultsOf(canvas: Parameters<typeof validate>[0]): string[] {
  return validate(canvas).map(({ code, severity, nodeId, edgeId, path }) =>
    [code, severity, nodeId, edgeId, path].join(" "),
  );
}
