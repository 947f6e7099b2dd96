import type { QueryLanguage } from "./machine.ts";

const FLOW = ["Next", "End"];
const PATHS = ["InputPath", "OutputPath"];
const ERRORS = ["Retry", "Catch"];
const MAP = ["ItemProcessor", "ItemSelector", "ItemReader", "ItemBatcher", "ResultWriter", "Label", "MaxConcurrency"];
const TOLERANCE = ["ToleratedFailureCount", "ToleratedFailurePercentage"];

const JSONPATH: Record<string, readonly string[]> = {
  Pass: [...FLOW, ...PATHS, "Parameters", "Result", "ResultPath", "Assign"],
  Task: [
    ...FLOW,
    ...PATHS,
    ...ERRORS,
    ...["Parameters", "ResultSelector", "ResultPath", "Resource", "Credentials", "Assign"],
    ...["TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"],
  ],
  Choice: [...PATHS, "Choices", "Default", "Assign"],
  Wait: [...FLOW, ...PATHS, "Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Assign"],
  Succeed: [...PATHS],
  Fail: ["Error", "ErrorPath", "Cause", "CausePath"],
  Parallel: [...FLOW, ...PATHS, ...ERRORS, "Parameters", "ResultSelector", "ResultPath", "Branches", "Assign"],
  Map: [
    ...FLOW,
    ...PATHS,
    ...ERRORS,
    ...MAP,
    ...TOLERANCE,
    ...["Iterator", "Parameters", "ItemsPath", "ResultSelector", "ResultPath", "MaxConcurrencyPath", "Assign"],
    ...["ToleratedFailureCountPath", "ToleratedFailurePercentagePath"],
  ],
};

const JSONATA: Record<string, readonly string[]> = {
  Pass: [...FLOW, "Output", "Assign"],
  Task: [
    ...FLOW,
    ...ERRORS,
    ...["Arguments", "Output", "Resource", "TimeoutSeconds", "HeartbeatSeconds", "Credentials", "Assign"],
  ],
  Choice: ["Choices", "Default", "Output", "Assign"],
  Wait: [...FLOW, "Seconds", "Timestamp", "Output", "Assign"],
  Succeed: ["Output"],
  Fail: ["Error", "Cause"],
  Parallel: [...FLOW, ...ERRORS, "Arguments", "Branches", "Output", "Assign"],
  Map: [...FLOW, ...ERRORS, ...MAP, ...TOLERANCE, "Iterator", "Items", "Output", "Assign"],
};

/** The fields that a state of this type may have, or undefined when there is no such type. */
export function allowedFields(type: string, language: QueryLanguage): readonly string[] | undefined {
  return (language === "JSONata" ? JSONATA : JSONPATH)[type];
}

/** Fields that every state may have. */
export const COMMON_FIELDS: readonly string[] = ["Type", "Comment", "QueryLanguage"];

/** Fields of a Map state that mean something only in distributed mode. */
export const DISTRIBUTED_ONLY: readonly string[] = ["ItemReader", "ItemBatcher", "ResultWriter", "Label"];
