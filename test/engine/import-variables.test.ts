import { readImport } from "@weft/engine/import/read";
import { describe, expect, it } from "vitest";

describe("variables of other systems", () => {
  it("of n8n are read from the space", () => {
    const workflow = {
      name: "w",
      nodes: [
        {
          id: "1",
          name: "Start",
          type: "n8n-nodes-base.manualTrigger",
          typeVersion: 1,
          position: [0, 0],
          parameters: {},
        },
        {
          id: "2",
          name: "Set",
          type: "n8n-nodes-base.set",
          typeVersion: 3.4,
          position: [200, 0],
          parameters: {
            assignments: { assignments: [{ id: "a", name: "at", type: "string", value: "={{ $vars.region + '!' }}" }] },
          },
        },
      ],
      connections: { Start: { main: [[{ node: "Set", type: "main", index: 0 }]] } },
    };
    const { canvas, report } = readImport(workflow, "n8n", {});
    expect(JSON.stringify(canvas)).toContain('"variable":"global.region"');
    const set = report.nodes.find(({ name }) => name === "Set");
    expect(set).toMatchObject({ fidelity: "changed", notes: [expect.stringContaining('the variable "region"')] });
  });

  it("of Dify that are secret are read from the space, and their values are left out", () => {
    const app = {
      kind: "app",
      version: "0.3.0",
      app: { name: "a", mode: "workflow" },
      workflow: {
        environment_variables: [{ name: "api_token", value: "canary-dify", value_type: "secret" }],
        graph: {
          nodes: [
            { id: "s", data: { type: "start", title: "Start", variables: [] } },
            {
              id: "e",
              data: { type: "end", title: "End", outputs: [{ variable: "v", value_selector: ["env", "api_token"] }] },
            },
          ],
          edges: [{ id: "x", source: "s", target: "e" }],
        },
      },
    };
    const { canvas } = readImport(app, "dify", {});
    expect(JSON.stringify(canvas)).toContain('"variable":"global.api_token"');
    expect(JSON.stringify(canvas)).not.toContain("canary-dify");
  });
});
