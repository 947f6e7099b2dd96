import { isObject, type Json, type JsonObject } from "../json.ts";
import { DISTRIBUTED_ONLY } from "./fields.ts";
import type { StateScope } from "./validate-state.ts";
import { checkPath, checkTemplate } from "./validate-text.ts";

const GET_OBJECT = /:states:[^:]*:[^:]*:s3:getObject$/;
const LIST_OBJECTS = /:states:[^:]*:[^:]*:s3:listObjectsV2$/;
const PUT_OBJECT = /:states:[^:]*:[^:]*:s3:putObject$/;
const READER_FIELDS = ["Resource", "Parameters", "Arguments", "ReaderConfig"];
const READER_CONFIG = ["InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "MaxItems", "MaxItemsPath"];
const INPUT_TYPES = ["JSON", "JSONL", "CSV"];
export const CSV_DELIMITERS: Record<string, string> = { COMMA: ",", PIPE: "|", SEMICOLON: ";", SPACE: " ", TAB: "\t" };
const BATCHER_FIELDS = [
  "MaxItemsPerBatch",
  "MaxItemsPerBatchPath",
  "MaxInputBytesPerBatch",
  "MaxInputBytesPerBatchPath",
  "BatchInput",
];
const WRITER_FIELDS = ["Resource", "Parameters", "Arguments", "WriterConfig"];
/** A label becomes part of an ARN. */
const LABEL = /^[^\s?*<>{}[\]:;,\\|^~$#%&`"\p{Cc}]{1,40}$/u;

/** Branches of a Parallel state. */
export function checkParallel(state: JsonObject, scope: StateScope): void {
  if (Array.isArray(state.Branches) && state.Branches.length > 0 && state.Branches.every(isObject)) return;
  scope.findings.add(`${scope.statePath}/Branches`, "Branches must be a list of machines that is not empty");
}

/** The fields of a Map state but not its processor. */
export function checkMap(state: JsonObject, scope: StateScope): void {
  const { findings, statePath: path } = scope;
  const processor = state.ItemProcessor ?? state.Iterator;
  if (!isObject(processor)) {
    findings.add(path, "The field 'ItemProcessor' is required but was missing");
    return;
  }
  const config = processor.ProcessorConfig ?? {};
  if (!isObject(config)) {
    findings.add(`${path}/ItemProcessor/ProcessorConfig`, "Must be an object");
    return;
  }
  const mode = config.Mode ?? "INLINE";
  if (mode !== "INLINE" && mode !== "DISTRIBUTED")
    findings.add(`${path}/ItemProcessor/ProcessorConfig/Mode`, "Mode must be INLINE or DISTRIBUTED");
  const type = config.ExecutionType;
  if (mode === "DISTRIBUTED" && type !== "STANDARD" && type !== "EXPRESS") {
    findings.add(`${path}/ItemProcessor/ProcessorConfig`, "ExecutionType must be STANDARD or EXPRESS");
  }
  if (mode === "DISTRIBUTED" && scope.isExpress)
    findings.add(path, "Express state machine does not support Map state in DISTRIBUTED mode");
  if (mode !== "DISTRIBUTED") {
    for (const field of DISTRIBUTED_ONLY) {
      if (state[field] !== undefined) findings.add(`${path}/${field}`, "Field is supported in DISTRIBUTED mode only");
    }
  }
  if (state.Label !== undefined && !(typeof state.Label === "string" && LABEL.test(state.Label))) {
    findings.add(`${path}/Label`, "Label has a character that is not allowed, or is longer than 40");
  }
  checkNumbers(state, scope);
  checkReader(state.ItemReader, scope);
  checkBatcher(state.ItemBatcher, scope);
  checkWriter(state.ResultWriter, scope);
}

function checkNumbers(state: JsonObject, scope: StateScope): void {
  const { findings, statePath: path } = scope;
  const limits: [string, number][] = [
    ["MaxConcurrency", Number.MAX_SAFE_INTEGER],
    ["ToleratedFailureCount", Number.MAX_SAFE_INTEGER],
    ["ToleratedFailurePercentage", 100],
  ];
  for (const [field, max] of limits) {
    const value = state[field];
    const isExpression = scope.stateLanguage === "JSONata" && typeof value === "string";
    if (value !== undefined && !isExpression && !(typeof value === "number" && value >= 0 && value <= max)) {
      findings.add(`${path}/${field}`, `${field} must be a number from 0 to ${max}`);
    }
    const pathField = `${field}Path`;
    if (state[pathField] === undefined) continue;
    if (value !== undefined) findings.add(path, `You cannot specify both ${field} and ${pathField}`);
    checkPath(state[pathField], `${path}/${pathField}`, findings);
  }
}

function known(value: JsonObject, fields: readonly string[], path: string, scope: StateScope): void {
  for (const key of Object.keys(value))
    if (!fields.includes(key)) scope.findings.add(`${path}/${key}`, "Field is not supported");
  if (scope.stateLanguage === "JSONPath") checkTemplate(value.Parameters, `${path}/Parameters`, scope.findings);
}

function checkPathFields(value: JsonObject, fields: readonly string[], path: string, scope: StateScope): void {
  for (const field of fields) {
    if (value[field] === undefined) continue;
    if (scope.stateLanguage === "JSONata")
      scope.findings.add(`${path}/${field}`, "Field is not supported with JSONata");
    else checkPath(value[field], `${path}/${field}`, scope.findings);
  }
}

function checkReader(reader: Json | undefined, scope: StateScope): void {
  if (reader === undefined) return;
  const path = `${scope.statePath}/ItemReader`;
  const { findings } = scope;
  if (!isObject(reader)) {
    findings.add(path, "Must be an object");
    return;
  }
  known(reader, READER_FIELDS, path, scope);
  const resource = String(reader.Resource);
  const config = isObject(reader.ReaderConfig) ? reader.ReaderConfig : {};
  for (const key of Object.keys(config))
    if (!READER_CONFIG.includes(key)) findings.add(`${path}/ReaderConfig/${key}`, "Field is not supported");
  checkPathFields(config, ["MaxItemsPath"], `${path}/ReaderConfig`, scope);
  if (LIST_OBJECTS.test(resource)) {
    if (config.InputType !== undefined)
      findings.add(`${path}/ReaderConfig/InputType`, "Not supported with listObjectsV2");
    return;
  }
  if (!GET_OBJECT.test(resource)) {
    findings.add(`${path}/Resource`, `The item reader '${resource}' is not supported`);
    return;
  }
  if (!INPUT_TYPES.includes(String(config.InputType))) {
    findings.add(`${path}/ReaderConfig/InputType`, `The input type '${String(config.InputType)}' is not supported`);
  }
  if (config.InputType !== "CSV") return;
  const location = config.CSVHeaderLocation;
  if (location !== "FIRST_ROW" && location !== "GIVEN")
    findings.add(`${path}/ReaderConfig/CSVHeaderLocation`, "Must be FIRST_ROW or GIVEN");
  if ((location === "GIVEN") !== Array.isArray(config.CSVHeaders))
    findings.add(`${path}/ReaderConfig/CSVHeaders`, "Needed with GIVEN, and only then");
  if (config.CSVDelimiter !== undefined && !(String(config.CSVDelimiter) in CSV_DELIMITERS)) {
    findings.add(
      `${path}/ReaderConfig/CSVDelimiter`,
      `The delimiter '${String(config.CSVDelimiter)}' is not supported`,
    );
  }
}

function checkBatcher(batcher: Json | undefined, scope: StateScope): void {
  if (batcher === undefined) return;
  const path = `${scope.statePath}/ItemBatcher`;
  if (!isObject(batcher)) {
    scope.findings.add(path, "Must be an object");
    return;
  }
  known(batcher, BATCHER_FIELDS, path, scope);
  if (scope.stateLanguage === "JSONPath") checkTemplate(batcher.BatchInput, `${path}/BatchInput`, scope.findings);
  checkPathFields(batcher, ["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"], path, scope);
  if (BATCHER_FIELDS.slice(0, 4).every((field) => batcher[field] === undefined)) {
    scope.findings.add(path, "MaxItemsPerBatch or MaxInputBytesPerBatch is required");
  }
}

function checkWriter(writer: Json | undefined, scope: StateScope): void {
  if (writer === undefined) return;
  const path = `${scope.statePath}/ResultWriter`;
  const { findings } = scope;
  if (!isObject(writer)) {
    findings.add(path, "Must be an object");
    return;
  }
  known(writer, WRITER_FIELDS, path, scope);
  if (writer.Resource === undefined && writer.WriterConfig === undefined)
    findings.add(path, "Resource or WriterConfig is required");
  if (writer.Resource !== undefined && !PUT_OBJECT.test(String(writer.Resource))) {
    findings.add(`${path}/Resource`, `The result writer '${String(writer.Resource)}' is not supported`);
  }
  if (writer.WriterConfig === undefined) return;
  const config = isObject(writer.WriterConfig) ? writer.WriterConfig : {};
  if (!["NONE", "COMPACT", "FLATTEN"].includes(String(config.Transformation)))
    findings.add(`${path}/WriterConfig/Transformation`, "Must be NONE, COMPACT or FLATTEN");
  if (!["JSON", "JSONL"].includes(String(config.OutputType)))
    findings.add(`${path}/WriterConfig/OutputType`, "Must be JSON or JSONL");
}
