import { isTrigger, trigger } from "./begin.ts";
import { code } from "./code.ts";
import { crypto, dateTime, renameKeys, set } from "./fields.ts";
import { compression, convertToFile, extractFromFile, readWriteFile, spreadsheetFile } from "./files.ts";
import { executeWorkflow, respond, stop, wait } from "./flow.ts";
import { httpRequest } from "./http.ts";
import { aggregate, itemLists, limit, removeDuplicates, sort, splitOut, summarize } from "./lists.ts";
import { compareDatasets, merge } from "./merge.ts";
import { type Mapper, pass } from "./parameters.ts";
import { filter, ifNode, switchNode } from "./route.ts";
import { feed, html, markdown, xml } from "./texts.ts";

/** Nodes that must not run over no items at all. */
export const NEEDS_ITEMS: ReadonlySet<string> = new Set([
  "wait",
  "stopAndError",
  "respondToWebhook",
  "executeWorkflow",
  "code",
  "function",
  "functionItem",
  "convertToFile",
  "spreadsheetFile",
]);

/** Types of the package `n8n-nodes-base` that have a counterpart, by their last name. */
const MAPPERS: Readonly<Record<string, Mapper>> = {
  aggregate,
  code,
  compareDatasets,
  compression,
  convertToFile,
  crypto,
  dateTime,
  executeWorkflow,
  extractFromFile,
  filter,
  function: code,
  functionItem: code,
  html,
  htmlExtract: html,
  httpRequest,
  if: ifNode,
  itemLists,
  limit,
  markdown,
  merge,
  noOp: pass,
  readBinaryFile: readWriteFile,
  readWriteFile,
  removeDuplicates,
  renameKeys,
  respondToWebhook: respond,
  rssFeedRead: feed,
  set,
  sort,
  splitOut,
  spreadsheetFile,
  stopAndError: stop,
  summarize,
  switch: switchNode,
  wait,
  writeBinaryFile: readWriteFile,
  xml,
};
const BASE = "n8n-nodes-base.";

/** How a type of n8n is read; undefined where it has no counterpart. */
export function mapperOf(type: string): Mapper | undefined {
  const name = type.startsWith(BASE) ? type.slice(BASE.length) : "";
  if (Object.hasOwn(MAPPERS, name)) return MAPPERS[name];
  return isTrigger(type) ? trigger : undefined;
}
