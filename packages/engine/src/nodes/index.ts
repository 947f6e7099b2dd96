import type { NodeDefinition } from "../node.ts";
import { aggregate } from "./aggregate.ts";
import { approval } from "./approval.ts";
import { batch } from "./batch.ts";
import { breakLoop } from "./break.ts";
import { checkParameters } from "./check_parameters.ts";
import { code } from "./code.ts";
import { comment } from "./comment.ts";
import { compareDatasets } from "./compare_datasets.ts";
import { compression } from "./compression.ts";
import { continueLoop } from "./continue.ts";
import { crypto } from "./crypto.ts";
import { csv } from "./csv.ts";
import { dateTime } from "./date_time.ts";
import { end } from "./end.ts";
import { errorTrigger } from "./error_trigger.ts";
import { fileRead } from "./file_read.ts";
import { fileWrite } from "./file_write.ts";
import { filter } from "./filter.ts";
import { htmlExtract } from "./html_extract.ts";
import { httpRequest } from "./http_request.ts";
import { input } from "./input.ts";
import { intentDetector } from "./intent_detector.ts";
import { jsonDeserialize } from "./json_deserialize.ts";
import { jsonSerialize } from "./json_serialize.ts";
import { limit } from "./limit.ts";
import { llm } from "./llm.ts";
import { loop } from "./loop.ts";
import { loopSetVariable } from "./loop_set_variable.ts";
import { markdown } from "./markdown.ts";
import { merge } from "./merge.ts";
import { noOp } from "./no_op.ts";
import { outputMessage } from "./output_message.ts";
import { parameterExtractor } from "./parameter_extractor.ts";
import { placeholder } from "./placeholder.ts";
import { question } from "./question.ts";
import { questionClassifier } from "./question_classifier.ts";
import { removeDuplicates } from "./remove_duplicates.ts";
import { respondToWebhook } from "./respond_to_webhook.ts";
import { rssRead } from "./rss_read.ts";
import { selector } from "./selector.ts";
import { setFields } from "./set_fields.ts";
import { sort } from "./sort.ts";
import { splitOut } from "./split_out.ts";
import { spreadsheet } from "./spreadsheet.ts";
import { start } from "./start.ts";
import { stopWithError } from "./stop_with_error.ts";
import { subWorkflow } from "./sub_workflow.ts";
import { summarise } from "./summarise.ts";
import { switchNode } from "./switch.ts";
import { template } from "./template.ts";
import { text } from "./text.ts";
import { transform } from "./transform.ts";
import { variableAggregator } from "./variable_aggregator.ts";
import { variableAssign } from "./variable_assign.ts";
import { wait } from "./wait.ts";
import { xml } from "./xml.ts";

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
  llm,
  intentDetector,
  questionClassifier,
  parameterExtractor,
  summarise,
  httpRequest,
  code,
  subWorkflow,
  comment,
  approval,
  switchNode,
  merge,
  filter,
  sort,
  limit,
  removeDuplicates,
  aggregate,
  splitOut,
  setFields,
  compareDatasets,
  dateTime,
  crypto,
  checkParameters,
  noOp,
  stopWithError,
  respondToWebhook,
  fileRead,
  fileWrite,
  htmlExtract,
  markdown,
  xml,
  csv,
  spreadsheet,
  compression,
  rssRead,
  placeholder,
  errorTrigger,
] as const;

/** Definitions by type key. */
export const nodeTypes: ReadonlyMap<string, NodeDefinition> = new Map(
  (nodes as unknown as readonly NodeDefinition[]).map((definition) => [definition.type, definition]),
);
