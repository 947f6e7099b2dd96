import type { NodeDefinition } from "../node.ts";
import { batch } from "./batch.ts";
import { breakLoop } from "./break.ts";
import { comment } from "./comment.ts";
import { continueLoop } from "./continue.ts";
import { end } from "./end.ts";
import { httpRequest } from "./http_request.ts";
import { input } from "./input.ts";
import { jsonDeserialize } from "./json_deserialize.ts";
import { jsonSerialize } from "./json_serialize.ts";
import { loop } from "./loop.ts";
import { loopSetVariable } from "./loop_set_variable.ts";
import { outputMessage } from "./output_message.ts";
import { placeholder } from "./placeholder.ts";
import { question } from "./question.ts";
import { selector } from "./selector.ts";
import { start } from "./start.ts";
import { subWorkflow } from "./sub_workflow.ts";
import { template } from "./template.ts";
import { text } from "./text.ts";
import { transform } from "./transform.ts";
import { variableAggregator } from "./variable_aggregator.ts";
import { variableAssign } from "./variable_assign.ts";
import { wait } from "./wait.ts";

/** Every installed node type. One line each; nothing else lists them. */
export const nodes = [
  start,
  end,
  outputMessage,
  input,
  question,
  selector,
  loop,
  batch,
  breakLoop,
  continueLoop,
  loopSetVariable,
  wait,
  text,
  template,
  transform,
  jsonSerialize,
  jsonDeserialize,
  variableAggregator,
  variableAssign,
  httpRequest,
  subWorkflow,
  comment,
  placeholder,
] as const;

/** Definitions by type key. */
export const nodeTypes: ReadonlyMap<string, NodeDefinition> = new Map(
  (nodes as unknown as readonly NodeDefinition[]).map((definition) => [definition.type, definition]),
);
