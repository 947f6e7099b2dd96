import type { StateNode } from "../asl/machine.ts";
import type { SfnEnvironment } from "../environment.ts";
import { StateFailure } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { formatTimestamp } from "../lang/time.ts";
import type { Execution } from "./execution.ts";
import { resolveFields } from "./item-reader.ts";
import type { MapRunRecord } from "./map-runs.ts";
import type { ChildResult, Flow } from "./records.ts";

export interface WriterPlan {
  bucket?: string;
  prefix?: string;
  transformation: "NONE" | "COMPACT" | "FLATTEN";
  outputType: "JSON" | "JSONL";
}

/** Result files are cut near this size (AWS writes up to 5 GB a file; here memory is the bound). */
const MAX_FILE_CHARS = 64 * 1024 * 1024;

export async function planWriter(execution: Execution, flow: Flow, node: StateNode): Promise<WriterPlan | undefined> {
  const writer = node.definition.ResultWriter;
  if (!isObject(writer)) return undefined;
  const config = isObject(writer.WriterConfig) ? writer.WriterConfig : {};
  const plan: WriterPlan = {
    transformation: (config.Transformation as WriterPlan["transformation"] | undefined) ?? "NONE",
    outputType: (config.OutputType as WriterPlan["outputType"] | undefined) ?? "JSON",
  };
  if (writer.Resource === undefined) return plan;
  const { Bucket: bucket, Prefix: prefix } = await resolveFields(execution, flow, node, writer, "ResultWriter");
  return { ...plan, bucket: String(bucket), ...(typeof prefix === "string" ? { prefix } : {}) };
}

/** A child with the metadata of its execution, as Transformation NONE has it. */
function described(run: MapRunRecord, result: ChildResult, input: string): JsonObject {
  const entry: JsonObject = {
    ExecutionArn: result.arn,
    Input: input,
    InputDetails: { Included: true },
    Name: result.name,
  };
  if (result.output !== undefined) Object.assign(entry, { Output: result.output, OutputDetails: { Included: true } });
  if (result.error !== undefined) entry.Error = result.error;
  if (result.cause !== undefined) entry.Cause = result.cause;
  const isRedrivable = result.status !== "SUCCEEDED" && !run.isExpress;
  entry.RedriveCount = result.redriveCount;
  entry.RedriveStatus = isRedrivable ? "REDRIVABLE" : "NOT_REDRIVABLE";
  if (!isRedrivable) {
    entry.RedriveStatusReason = run.isExpress
      ? "Execution is of an Express workflow and cannot be redriven"
      : `Execution is ${result.status} and cannot be redriven`;
  }
  entry.StartDate = formatTimestamp(result.startMs);
  entry.StateMachineArn = `${run.machineArn}/${run.label}`;
  entry.Status = result.status;
  entry.StopDate = formatTimestamp(result.stopMs);
  return entry;
}

/** The results in the wanted form; a child that failed always keeps its metadata. */
function transform(run: MapRunRecord, results: readonly ChildResult[], inputs: readonly string[], how: string): Json[] {
  return results.flatMap((result, i): Json[] => {
    if (how === "NONE" || result.status !== "SUCCEEDED") return [described(run, result, inputs[i] ?? "null")];
    const output = JSON.parse(result.output!) as Json;
    return how === "FLATTEN" && Array.isArray(output) ? output : [output];
  });
}

/** What a Map state hands on: its children's outputs, or where they were written. */
export async function writeResults(
  environment: SfnEnvironment,
  run: MapRunRecord,
  results: readonly ChildResult[],
  inputs: readonly string[],
): Promise<Json> {
  const plan = run.writer;
  if (!plan?.bucket) return transform(run, results, inputs, plan?.transformation ?? "COMPACT");
  try {
    return await writeToS3(environment, run, { ...plan, bucket: plan.bucket }, results, inputs);
  } catch (error) {
    throw new StateFailure({ error: "States.ResultWriterFailed", cause: (error as Error).message });
  }
}

async function writeToS3(
  environment: SfnEnvironment,
  run: MapRunRecord,
  plan: WriterPlan & { bucket: string },
  results: readonly ChildResult[],
  inputs: readonly string[],
): Promise<Json> {
  const { s3 } = environment;
  if (!s3) throw new Error("There is no S3 in this environment");
  const id = run.arn.slice(run.arn.lastIndexOf(":") + 1);
  const base = plan.prefix ? `${plan.prefix.replace(/\/$/, "")}/${id}` : id;
  const extension = plan.outputType === "JSONL" ? "jsonl" : "json";
  const files: JsonObject = { FAILED: [], PENDING: [], SUCCEEDED: [] };
  for (const status of ["FAILED", "SUCCEEDED"] as const) {
    const isWanted = (result: ChildResult): boolean => (result.status === "SUCCEEDED") === (status === "SUCCEEDED");
    const chosen = results.map((result, i) => ({ result, input: inputs[i]! })).filter(({ result }) => isWanted(result));
    const entries = transform(
      run,
      chosen.map((c) => c.result),
      chosen.map((c) => c.input),
      plan.transformation,
    );
    const listed: Json[] = [];
    for (const [i, body] of bodies(entries, plan.outputType).entries()) {
      const key = `${base}/${status}_${i}.${extension}`;
      await s3.putObject(plan.bucket, key, body, "application/json");
      listed.push({ Key: key, Size: Buffer.byteLength(body) });
    }
    files[status] = listed;
  }
  const manifest = { DestinationBucket: plan.bucket, MapRunArn: run.arn, ResultFiles: files };
  const key = `${base}/manifest.json`;
  await s3.putObject(plan.bucket, key, JSON.stringify(manifest), "application/json");
  return { MapRunArn: run.arn, ResultWriterDetails: { Bucket: plan.bucket, Key: key } };
}

function bodies(entries: readonly Json[], outputType: WriterPlan["outputType"]): string[] {
  const groups: string[][] = [];
  let size = 0;
  for (const entry of entries) {
    const text = JSON.stringify(entry);
    if (groups.length === 0 || size + text.length > MAX_FILE_CHARS) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(text);
    size += text.length;
  }
  return groups.map((group) => (outputType === "JSONL" ? `${group.join("\n")}\n` : `[${group.join(",")}]`));
}
