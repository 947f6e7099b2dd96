import type { ModelCall } from "@weft/engine/model";
import { expect } from "vitest";
import { ScriptedModels, type ScriptedReply } from "../support/models.ts";
import type { ModelScript } from "./coze-cases.ts";

type Reply = ModelScript["replies"][number];

/** Coze names the tool of a workflow after it, twice; here it is one name, and each of these cases offers one tool. */
function toolName(wanted: string, call: ModelCall): string {
  return call.tools?.find(({ name }) => name === wanted)?.name ?? call.tools?.[0]?.name ?? wanted;
}

function replyOf(
  { content, chunks, error, toolCalls = [], usage, expectLastMessageJson }: Reply,
  call: ModelCall,
): ScriptedReply {
  if (expectLastMessageJson) {
    const nothing = Object.fromEntries(Object.keys(expectLastMessageJson).map((name) => [name, null]));
    const last = JSON.parse(String(call.messages.at(-1)?.content));
    expect({ ...nothing, ...last }).toEqual(expectLastMessageJson);
  }
  return {
    ...(content === undefined ? {} : { text: content }),
    ...(chunks ? { chunks } : {}),
    ...(error === undefined ? {} : { error }),
    toolCalls: toolCalls.map(({ id, name, arguments: given }) => ({
      id,
      name: toolName(name, call),
      input: typeof given === "string" ? JSON.parse(given) : given,
    })),
    ...(usage ? { usage: { inputTokens: usage.prompt, outputTokens: usage.completion } } : {}),
  };
}

/** The models of a case: each node's, by the id that the canvas names where it names one. */
export function cozeModels(scripts: readonly ModelScript[], idOf: (id: string) => string): ScriptedModels {
  const used = new Map<ModelScript, number>();
  return new ScriptedModels((call) => {
    const isFor = ({ node, modelType }: ModelScript): boolean =>
      (call.scene.nodeId ?? "").replace(/_inner$/, "") === idOf(node) &&
      (modelType === undefined || String(modelType) === call.modelId);
    const script = scripts.find(isFor);
    if (!script) throw new Error(`nobody says what ${call.scene.nodeId} is told by ${call.modelId}`);
    const at = used.get(script) ?? 0;
    used.set(script, at + 1);
    const reply = script.replies[at];
    if (!reply) throw new Error(`${call.scene.nodeId} asks more often than is said`);
    return { ...replyOf(reply, call), ...(script.delayMs === undefined ? {} : { delayMs: script.delayMs }) };
  });
}
