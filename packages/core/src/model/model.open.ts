import type { DeepReadonly } from "@weft/db/cache";
import { isAllowedHost } from "@weft/engine/http/hosts";
import { NodeError } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import type { SecretMask } from "@weft/kernel/mask";
import { openForSpace } from "../credential/credential.open.ts";
import { applied } from "../credential/credential.request.ts";
import { PLATFORM } from "../identity/settings.ts";
import { openSecret } from "../platform/vault.ts";
import type { ModelDeps } from "./model.deps.ts";
import { forgetModel, type ModelRow } from "./model.find.ts";
import type { ProviderTarget } from "./model.provider.ts";
import type { Capability } from "./model.schema.ts";

/** The vault's place of a platform model's secrets: no space's. */
export function vaultCtx(ctx: Ctx, scope: string): Ctx {
  return { ...ctx, spaceId: scope as NonNullable<Ctx["spaceId"]> };
}

/** Opens the way to a model's provider. Its secrets are made known to `mask`. */
export async function openTarget(
  ctx: Ctx,
  deps: Pick<ModelDeps, "sealer" | "credentials">,
  row: DeepReadonly<ModelRow>,
  mask: SecretMask,
): Promise<ProviderTarget> {
  const sealed = row.secretVersion === undefined ? {} : await secretsOf(ctx, deps, row, row.secretVersion);
  mask.add(sealed);
  const target = {
    provider: row.provider,
    model: row.model,
    connection: { ...row.connection, ...sealed },
    capability: row.capability as Capability,
    timeoutMs: row.timeoutMs,
  };
  if (row.credentialId === undefined || row.scope === PLATFORM) return target;
  const credential = await openForSpace(ctx, deps, row.credentialId);
  return {
    ...target,
    authorize: async (request) => {
      if (!isAllowedHost(new URL(request.url), credential.allowedHosts)) {
        const message = "the model's credential may not be sent to its provider's host";
        throw new NodeError("model_failed", message, { retryable: false, details: { reason: "host_not_allowed" } });
      }
      const signed = await applied(ctx, deps.credentials, credential, request, mask);
      // Its own host alone: a redirect does not take the key further, however much the credential allows.
      return { ...signed, ...(request.allowedHosts ? { allowedHosts: request.allowedHosts } : {}) };
    },
  };
}

async function secretsOf(
  ctx: Ctx,
  { sealer }: Pick<ModelDeps, "sealer">,
  { scope, modelId }: DeepReadonly<ModelRow>,
  version: number,
): Promise<Record<string, unknown>> {
  const ref = { ownerId: modelId, version: String(version) };
  const found = await openSecret(vaultCtx(ctx, scope), sealer, ref);
  if (found !== undefined) return found as Record<string, unknown>;
  // Changed since this process read the row: the next try reads it anew.
  forgetModel(scope, modelId);
  const message = `model ${modelId} was changed meanwhile`;
  throw new NodeError("model_failed", message, { retryable: true, details: { reason: "changed" } });
}
