import type { Journal, NodeRecord } from "@weft/engine/record";
import { NodeFailed, type RunIo, RunStopped } from "@weft/engine/run/io";
import { systemVariables } from "../variable/variable.system.ts";
import type { ExecutionDeps } from "./deps.ts";
import type { Setup } from "./part.ts";
import { type ExecutionRow, findExecution, isOurs } from "./store.ts";

/** A process gives up its call this long before the platform ends it. */
const YIELD_MARGIN_MS = 20_000;
/**
 * How old a worker's knowledge of its execution may be when it starts a node. A cancel is acknowledged only after this
 * time has passed since its write, so that no node starts after the acknowledgement.
 */
export const STALE_MS = 500;
/** How often a long node's worker looks whether it was stopped. */
const WATCH_MS = 2000;

export interface Watch {
  /** Ends the watching. */
  stop(): void;
}

/** What the engine needs to run nodes of an execution in this process. */
export function runIo(
  deps: ExecutionDeps,
  row: ExecutionRow,
  journal: Journal,
  { variables, pins }: Pick<Setup, "variables" | "pins">,
  options: {
    childExecutions: boolean;
    onRecord?: (record: NodeRecord) => void;
    /** The failure that is stored for a node of this epoch. */
    failureOf?: (path: string) => NodeRecord | undefined;
  },
): { io: RunIo; watch: Watch } {
  const controller = new AbortController();
  // The process's own clock: how old a read is does not depend on what time it is said to be.
  let seenAt = performance.now();
  const look = async (): Promise<void> => {
    const askedAt = performance.now();
    const current = await findExecution(row);
    if (!isOurs(current, row.epoch)) controller.abort(new RunStopped("the execution was closed"));
    seenAt = askedAt;
  };
  const timer = setInterval(() => void look().catch(() => undefined), WATCH_MS);
  timer.unref();
  const deadline = Date.parse(row.deadlineAt);
  const io: RunIo = {
    executionId: row.executionId,
    journal,
    deps: deps.nodeDeps(row),
    types: deps.types,
    now: () => deps.clock.now(),
    random: Math.random,
    signal: controller.signal,
    emit: (event) => deps.onEvent?.(event),
    onRecord: (record) => options.onRecord?.(record),
    beforeEffect: async (path) => {
      if (performance.now() - seenAt >= STALE_MS) await look();
      if (deps.clock.now() >= deadline) controller.abort(new RunStopped("the deadline has passed"));
      if (controller.signal.aborted) throw controller.signal.reason;
      const failure = options.failureOf?.(path);
      if (failure?.error) throw new NodeFailed(failure, failure.error);
    },
    mustYield: (ms) => deps.timeLeftMs() < ms + YIELD_MARGIN_MS,
    variables,
    ...(pins ? { pins } : {}),
    system: { ...systemVariables(row), ...row.system },
    childExecutions: options.childExecutions,
    strictInputs: false,
  };
  return { io, watch: { stop: () => clearInterval(timer) } };
}
