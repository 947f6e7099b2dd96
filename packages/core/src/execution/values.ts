import { systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { StoredValue } from "@weft/kernel/stored";
import { load, offload } from "@weft/storage/blob";

/** What an execution's rows hold: inline while small, in the space's part of the bucket otherwise. */
export function storeValue(key: { spaceId: string; executionId: string }, value: unknown): Promise<StoredValue> {
  return offload(contextOf(key.spaceId), { entity: "executions", id: key.executionId }, value);
}

/** The value back; throws where the object is gone or is not what was stored. */
export function loadValue(key: { spaceId: string }, stored: StoredValue): Promise<unknown> {
  return load(contextOf(key.spaceId), stored);
}

function contextOf(spaceId: string) {
  return systemCtx("execution", { spaceId: spaceId as Id<"space"> });
}
