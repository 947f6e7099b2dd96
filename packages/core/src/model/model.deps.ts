import type { CredentialDeps } from "../credential/credential.deps.ts";
import type { Sealer } from "../platform/sealer.ts";
import type { ModelProviders } from "./model.provider.ts";

/** What models need of the world; functions wire it. */
export interface ModelDeps {
  sealer: Sealer;
  credentials: CredentialDeps;
  providers: ModelProviders;
  log(message: string, data: Record<string, unknown>): void;
  /** Between the tries of a call. */
  pause?(ms: number, signal: AbortSignal): Promise<void>;
  random?(): number;
}
