import { read } from "@weft/db/write";
import { CodeExecutionEntity } from "./code.entity.ts";

/** Files of one run that are read back; the sandbox keeps fewer. */
export const MAX_FILES_READ = 100;
/** Beside the program's own time: a cold function and interpreter. */
export const RUN_MARGIN_MS = 120_000;
/** Most programs are over sooner and cost no read. */
const CHECK_EVERY_MS = 2_000;

export interface CancelWatch {
  signal: AbortSignal;
  stop(): void;
}

/** Looks from time to time whether somebody ended this run. */
export function watchCancel({ spaceId, codeExecutionId }: { spaceId: string; codeExecutionId: string }): CancelWatch {
  const controller = new AbortController();
  const timer = setInterval(async () => {
    try {
      const { data } = await read(() => CodeExecutionEntity.get({ spaceId, codeExecutionId }).go({ consistent: true }));
      if (data?.status === "cancelled") controller.abort();
    } catch {
      // Looked at again in a moment.
    }
  }, CHECK_EVERY_MS);
  timer.unref();
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}
