import { openForNode } from "@weft/core/credential/credential.open";
import { sendWith } from "@weft/core/credential/credential.request";
import type { ExecutionRow } from "@weft/core/execution/store";
import type { NodeWrite } from "@weft/core/variable/variable.history";
import * as Instance from "@weft/core/variable/variable.instance";
import { DEFAULT_CONNECTOR } from "@weft/core/variable/variable.schema";
import { readShared, writeShared } from "@weft/core/variable/variable.shared";
import type { NodeDeps, SharedVariable } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import { SecretMask } from "@weft/kernel/mask";
import { tellNoted } from "../bus.ts";
import { credentialDeps, sealer } from "../outbound.ts";

/** Executions whose secrets this process still knows: a later step of one must not let through what an earlier one used. */
const MAX_MASKS = 1_000;
const masks = new Map<string, SecretMask>();

/** The secrets that nodes of an execution have used in this process. */
export function maskOf({ executionId }: ExecutionRow): SecretMask {
  const mask = masks.get(executionId) ?? new SecretMask();
  masks.delete(executionId);
  masks.set(executionId, mask);
  for (const oldest of masks.keys()) {
    if (masks.size <= MAX_MASKS) break;
    masks.delete(oldest);
  }
  return mask;
}

/** Variables of the space and of workflows. A secret that is read is masked from then on. */
export function sharedVariablesFor(
  ctx: Ctx,
  execution: ExecutionRow,
  mask: SecretMask,
): NonNullable<NodeDeps["sharedVariables"]> {
  const nameOf = ({ scope, name, workflowId = execution.workflowId }: SharedVariable) =>
    scope === "workflow" ? { name, workflowId } : { name };
  return {
    get: async (ref) => {
      const found = await readShared(ctx, sealer, nameOf(ref));
      if (found?.isSecret) mask.add(found.value);
      return found;
    },
    set: async (ref, value, idempotencyKey) => {
      await writeShared(ctx, sealer, nameOf(ref), value, writeOf(execution, idempotencyKey));
      await tellNoted(ctx);
    },
  };
}

/** Variables of the user that an execution is for, among those of the space's workflows. */
export function userVariablesFor(ctx: Ctx, execution: ExecutionRow): NonNullable<NodeDeps["variables"]> {
  const { sys_uuid: userId = execution.createdBy, sys_connector_id: connectorId = DEFAULT_CONNECTOR } =
    execution.system ?? {};
  const holder = { ownerKind: "space" as const, ownerId: execution.spaceId, connectorId, userId };
  return {
    get: (name) => Instance.readValue(ctx, holder, name),
    set: async (name, value, idempotencyKey) => {
      await Instance.set(ctx, holder, { name, value }, writeOf(execution, idempotencyKey));
    },
  };
}

function writeOf({ executionId, createdBy }: ExecutionRow, idempotencyKey: string): NodeWrite {
  return { executionId, idempotencyKey, by: createdBy };
}

/** Credentials as nodes of an execution may use them. */
export function credentialsFor(
  ctx: Ctx,
  execution: ExecutionRow,
  mask: SecretMask,
): NonNullable<NodeDeps["credentials"]> {
  return {
    request: async (credentialId, request, { path, workflowId = execution.workflowId }) => {
      const { executionId, version, createdBy } = execution;
      const use = { executionId, workflowId, isDraft: version === undefined, path, usedBy: createdBy };
      const credential = await openForNode(ctx, credentialDeps, credentialId, use);
      return sendWith(ctx, credentialDeps, credential, request, mask);
    },
  };
}
