import { readCanvas } from "@weft/engine/canvas";
import { compile, validate } from "@weft/engine/compile";
import { describe, expect, it } from "vitest";
import { around } from "./single.ts";

const asking = (config: object) => readCanvas(around({ type: "llm", data: { config: config as never } }));

describe("a canvas with models", () => {
  it("names a model that is not chosen, and what a model asks of nodes that are not installed", () => {
    const said = (config: object) =>
      validate(asking(config)).map(({ code, path, message }) => `${code} ${path}: ${message}`);
    expect(said({})).toEqual(["unbound_model nodes.n.data.config.model.id: choose a model"]);
    expect(said({ model: { id: "", name: "gpt-9" }, backup: { id: "" } })).toEqual([
      'unbound_model nodes.n.data.config.model.id: the model "gpt-9" is not bound to one of this space',
      "unbound_model nodes.n.data.config.backup.id: choose a model",
    ]);
    const skills = { plugins: [{ pluginId: "p", toolId: "t" }], knowledge: { knowledgeIds: ["k"] } };
    expect(said({ model: { id: "m" }, ...skills })).toEqual(
      ["plugin", "knowledge_retrieve"].map(
        (type) => `unavailable_type nodes.n.data.config: it needs "${type}", which is not available`,
      ),
    );
    expect(said({ model: { id: "m", temperature: 3 }, maxSteps: 0 }).map((text) => text.split(":")[0])).toEqual([
      "bad_config nodes.n.data.config.model.temperature",
      "bad_config nodes.n.data.config.maxSteps",
    ]);
  });

  it("keeps which models a plan uses, and which workflows its models may call", () => {
    const config = {
      model: { id: "a", fallbacks: ["b"] },
      backup: { id: "c" },
      workflows: [{ workflowId: "wf_1", version: "v1.0.0" }, { workflowId: "wf_2" }],
    };
    const { plan, issues } = compile(asking(config));
    expect(issues).toEqual([]);
    expect(plan.models).toEqual(["a", "b", "c"].map((modelId) => ({ modelId, nodeId: "n" })));
    expect(plan.references).toEqual([
      { workflowId: "wf_1", version: "v1.0.0", nodeId: "n" },
      { workflowId: "wf_2", nodeId: "n" },
    ]);
  });
});
