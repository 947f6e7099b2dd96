import { readCanvas } from "@weft/engine/canvas";
import { compile, validate } from "@weft/engine/compile";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allCases, canvasAt, hindrance, type Played } from "./coze-cases.ts";
import { Stage } from "./coze-play.ts";

const all = allCases();
const here = all.length > 0;
const runs = all.filter(({ item }) => item.kind !== "validate" && item.kind !== "api");
const playable = runs.filter((played) => hindrance(played) === undefined);

/**
 * Cases that are not played, and what each waits for: a node type that is not installed, or what drives runs
 * (whose cases are in test/stack/coze-cases.test.ts). One that could be played, or is gone, fails here.
 */
const WAITING: Readonly<Record<string, readonly string[]>> = {
  "plugin: code_plugin.json": ["mocked_code", "real_code"],
  "plugin: publish/release_main_workflow.json": ["passthrough"],
  "conversation_create, conversation_list: conversation_manager/conversation_list.json": ["dynamic", "static"],
  "conversation_create: conversation_manager/create_conversation.json": ["create", "without_app_fails"],
  "conversation_update: conversation_manager/update_conversation.json": [
    "template_cannot_be_renamed",
    "unknown_conversation",
  ],
  "database_delete, database_insert, database_query, database_update: database_curd.json": ["curd"],
  "driver: entry_exit.json": ["cancel_immediately"],
  "driver: input_receiver.json": ["cancel_after_interrupt", "cancel_right_after_resume", "openapi_sync_run_refused"],
  "knowledge_retrieve, knowledge_write: knowledge.json": ["index_then_retrieve"],
  "conversation_create, message_create: message/create_message.json": ["dynamic", "static"],
  "conversation_create, message_create, message_edit: message/edit_message.json": ["dynamic", "static"],
  "conversation_create, message_create, message_list: message/message_list.json": ["dynamic", "static"],
  "database_query, knowledge_retrieve: move_to_app/cc1.json": ["sub_workflow_without_input"],
  "database_query, knowledge_write: move_to_app/main.json": ["sub_workflow_without_input"],
};

function waiting(): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const played of runs) {
    const why = hindrance(played);
    if (why === undefined) continue;
    const key = `${why}: ${played.oracle.canvas}`;
    found[key] = [...(found[key] ?? []), played.item.name].sort();
  }
  return found;
}

const errorsOf = (canvas: string) =>
  validate(readCanvas(canvasAt(canvas))).filter(
    ({ code, severity }) => severity === "error" && code !== "unavailable_type",
  );

describe.runIf(here)("what Coze's own tests expect of its canvases", () => {
  const stage = new Stage();
  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  for (const played of playable) it(`${played.item.kind} ${played.title}`, () => stage.play(played));

  it("leaves out nothing but what waits for other parts", () => {
    expect(waiting()).toEqual(WAITING);
    console.info(`coze oracles: ${playable.length} of ${runs.length} cases that run something are played`);
  });
});

describe.runIf(here)("what Coze's validator says of its canvases", () => {
  /** The node or the edge of each problem, as Coze names it. */
  function wanted({ oracle, item }: Played): string[] {
    const { edges } = readCanvas(canvasAt(oracle.canvas));
    return (item.expected.errors ?? []).map(({ nodeID, path }) => {
      if (!path) return `node ${nodeID}`;
      const edge = edges.find(({ source, target }) => source === path.end && target === path.start);
      return `edge ${edge?.source}:${edge?.sourceHandle ?? "default"}:${edge?.target}`;
    });
  }

  for (const played of all.filter(({ item }) => item.kind === "validate")) {
    it(played.title, () => {
      const found = errorsOf(played.oracle.canvas).map(({ code, nodeId, edgeId }) =>
        code === "cycle" ? `edge ${edgeId}` : `node ${nodeId}`,
      );
      expect(found.sort()).toEqual(wanted(played).sort());
    });
  }

  it("leaves out what nothing leads to", () => {
    const played = all.find(({ title }) => title === "validate/workflow_of_prune_isolate.json: prune");
    const removed = played?.item.expected.removedNodes ?? [];
    const { plan } = compile(readCanvas(canvasAt("validate/workflow_of_prune_isolate.json")));
    const kept = JSON.stringify(plan.root);
    expect(removed).toHaveLength(2);
    for (const id of removed) expect(kept).not.toContain(`"id":"${id}"`);
  });
});
