import type { StateNode } from "../asl/machine.ts";
import { CSV_DELIMITERS } from "../asl/validate-map.ts";
import type { SfnEnvironment } from "../environment.ts";
import { StateFailure } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { evaluateTemplate, jsonataNumber } from "../lang/jsonata.ts";
import { requirePath } from "../lang/jsonpath.ts";
import { fillTemplate } from "../lang/template.ts";
import { jsonataScope, pathScope } from "./context.ts";
import { parseCsv } from "./csv.ts";
import { effectiveInput } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import type { Flow } from "./records.ts";

/** What to read, with every path and expression resolved. */
export interface ReaderPlan {
  isListing: boolean;
  parameters: JsonObject;
  config: JsonObject;
  maxItems?: number;
}

/** Step Functions reads at most this many items. */
const MAX_ITEMS = 100_000_000;

function readerFailure(cause: string): StateFailure {
  return new StateFailure({ error: "States.ItemReaderFailed", cause });
}

export async function planReader(execution: Execution, flow: Flow, node: StateNode): Promise<ReaderPlan | undefined> {
  const reader = node.definition.ItemReader;
  if (!isObject(reader)) return undefined;
  const config = isObject(reader.ReaderConfig) ? reader.ReaderConfig : {};
  const parameters = await resolveFields(execution, flow, node, reader, "ItemReader");
  const maxItems = await maxItemsOf(execution, flow, node, config);
  const isListing = String(reader.Resource).endsWith(":listObjectsV2");
  return { isListing, parameters, config, ...(maxItems === undefined ? {} : { maxItems }) };
}

/** Parameters or Arguments of a part of a Map state. */
export async function resolveFields(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  part: JsonObject,
  name: string,
): Promise<JsonObject> {
  if (node.language === "JSONata") {
    const scope = jsonataScope(execution, flow, node);
    return (await evaluateTemplate(part.Arguments ?? {}, `${name}/Arguments`, scope)) as JsonObject;
  }
  const scope = pathScope(execution, flow, node, effectiveInput(execution, flow, node));
  return fillTemplate(part.Parameters ?? {}, scope) as JsonObject;
}

async function maxItemsOf(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  config: JsonObject,
): Promise<number | undefined> {
  const { MaxItems: value, MaxItemsPath: path } = config;
  if (typeof value === "number") return value;
  if (value !== undefined) {
    return jsonataNumber(value, "ItemReader/ReaderConfig/MaxItems", jsonataScope(execution, flow, node), "integer");
  }
  if (path === undefined) return undefined;
  const found = requirePath(String(path), pathScope(execution, flow, node, effectiveInput(execution, flow, node)));
  const number = typeof found === "string" ? Number(found) : found;
  if (typeof number === "number" && Number.isInteger(number)) return number;
  throw readerFailure("field MaxItems must be an integer");
}

/** Reads the items of a map run. */
export async function readItems(environment: SfnEnvironment, plan: ReaderPlan): Promise<Json[]> {
  const { maxItems = 0 } = plan;
  if (maxItems < 0) throw readerFailure("field MaxItems must be positive");
  const limit = maxItems === 0 ? MAX_ITEMS : Math.min(maxItems, MAX_ITEMS);
  const { s3 } = environment;
  if (!s3) throw readerFailure("There is no S3 in this environment");
  const bucket = String(plan.parameters.Bucket);
  try {
    if (plan.isListing) {
      const objects = await s3.listObjectsV2(bucket, String(plan.parameters.Prefix ?? ""));
      return objects.slice(0, limit).map((object) => ({
        Etag: object.etag,
        Key: object.key,
        LastModified: Math.floor(object.lastModified / 1000),
        Size: object.size,
        StorageClass: object.storageClass ?? "STANDARD",
      }));
    }
    return parseItems(await s3.getObject(bucket, String(plan.parameters.Key)), plan.config, limit);
  } catch (error) {
    if (error instanceof StateFailure) throw error;
    throw readerFailure((error as Error).message);
  }
}

function parseItems(text: string, config: JsonObject, limit: number): Json[] {
  if (config.InputType === "CSV") return csvItems(text, config, limit);
  if (config.InputType === "JSONL") return jsonLines(text, limit);
  const value = parseJson(text);
  if (!Array.isArray(value)) throw readerFailure("Attempting to map over non-iterable node.");
  return value.slice(0, limit);
}

function parseJson(text: string, line?: number): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const where = line === undefined ? "" : ` in line ${line}`;
    throw readerFailure(`The file is not valid JSON${where}: ${(error as Error).message}`);
  }
}

function jsonLines(text: string, limit: number): Json[] {
  const items: Json[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (items.length >= limit) break;
    if (line.trim() !== "") items.push(parseJson(line, i + 1));
  }
  return items;
}

function csvItems(text: string, config: JsonObject, limit: number): Json[] {
  const rows = parseCsv(text, CSV_DELIMITERS[String(config.CSVDelimiter ?? "COMMA")]!);
  const headers = config.CSVHeaderLocation === "GIVEN" ? (config.CSVHeaders as string[]) : (rows.shift() ?? []);
  if (new Set(headers).size !== headers.length) throw readerFailure("CSV headers cannot contain duplicates.");
  return rows.slice(0, limit).map((row) => Object.fromEntries(headers.map((name, i) => [name, row[i] ?? ""])));
}
