import type { CanvasField, CanvasInput } from "../canvas.ts";

/** What a node type's reader is given of a node of Coze's canvas. */
export interface CozeSource {
  id: string;
  /** `data`, with outputs and node meta. */
  data: unknown;
  /** `data.inputs`. */
  inputs: unknown;
}

/** A node in our form, as far as its type decides it. */
export interface CozeParts {
  config: Record<string, unknown>;
  inputs?: CanvasInput[];
  outputs?: CanvasField[];
}

/** Reads one node of Coze's canvas. Throws CozeProblem for what it cannot read. */
export type CozeReader = (source: CozeSource) => CozeParts;

/** What is wrong with a node of Coze's canvas. `path` is relative to the node. */
export class CozeProblem extends Error {
  override readonly name = "CozeProblem";
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/**
 * Coze's node type ids and our keys, for every type that Coze's front end or back end knows. Types that are not installed
 * yet can so be imported and named.
 */
export const COZE_TYPES: ReadonlyMap<string, string> = new Map([
  ["1", "start"],
  ["2", "end"],
  ["3", "llm"],
  ["4", "plugin"],
  ["5", "code"],
  ["6", "knowledge_retrieve"],
  ["8", "selector"],
  ["9", "sub_workflow"],
  ["11", "variable"],
  ["12", "database_sql"],
  ["13", "output_message"],
  ["14", "imageflow"],
  ["15", "text"],
  ["16", "image_generate"],
  ["17", "image_reference"],
  ["18", "question"],
  ["19", "break"],
  ["20", "loop_set_variable"],
  ["21", "loop"],
  ["22", "intent_detector"],
  ["23", "image_canvas"],
  ["24", "scene_variable"],
  ["25", "scene_chat"],
  ["26", "long_term_memory"],
  ["27", "knowledge_write"],
  ["28", "batch"],
  ["29", "continue"],
  ["30", "input"],
  ["31", "comment"],
  ["32", "variable_aggregator"],
  ["34", "trigger_upsert"],
  ["35", "trigger_delete"],
  ["36", "trigger_read"],
  ["37", "message_list"],
  ["38", "conversation_clear"],
  ["39", "conversation_create"],
  ["40", "variable_assign"],
  ["42", "database_update"],
  ["43", "database_query"],
  ["44", "database_delete"],
  ["45", "http_request"],
  ["46", "database_insert"],
  ["51", "conversation_update"],
  ["52", "conversation_delete"],
  ["53", "conversation_list"],
  ["54", "conversation_history"],
  ["55", "message_create"],
  ["56", "message_edit"],
  ["57", "message_delete"],
  ["58", "json_serialize"],
  ["59", "json_deserialize"],
  ["60", "knowledge_delete"],
]);

/** Every type key that an import can give, installed or not. */
export const KNOWN_TYPES: ReadonlySet<string> = new Set(COZE_TYPES.values());
