import type { ModelMessage, ModelTool } from "../model.ts";
import type { Usage } from "../record.ts";

/** What was said before in the conversation that a run belongs to. */
export interface History {
  /** The last rounds, the oldest first: each what a person said and what was answered. */
  recent(rounds: number): Promise<readonly ModelMessage[]>;
}

/** A tool of a plugin; without a version the one that is published. */
export interface ToolReference {
  pluginId: string;
  toolId: string;
  version?: string | undefined;
}

/** Tools of plugins, as models call them. */
export interface Tools {
  /** What a model is told of a tool. Throws NodeError where it may not or cannot be called. */
  describe(reference: ToolReference): Promise<ModelTool>;
  /** Throws NodeError. The same key calls it once, as far as the other side knows such keys. */
  call(
    reference: ToolReference,
    input: Record<string, unknown>,
    idempotencyKey: string,
    signal: AbortSignal,
  ): Promise<{ output: unknown; usage?: Usage }>;
}

export const SEARCH_MODES = ["semantic", "hybrid", "full_text"] as const;

export interface KnowledgeRequest {
  knowledgeIds: readonly string[];
  query: string;
  mode: (typeof SEARCH_MODES)[number];
  topK?: number | undefined;
  minScore?: number | undefined;
  rerank?: boolean | undefined;
  rewrite?: boolean | undefined;
}

/** What the space knows. */
export interface Knowledge {
  /** Passages that fit, the best first. Throws NodeError. */
  search(
    request: KnowledgeRequest,
    signal: AbortSignal,
  ): Promise<{ passages: readonly { text: string; source?: string }[]; usage?: Usage }>;
}
