import { modelProviders } from "@weft/adapters/models/providers";
import type { ModelDeps } from "@weft/core/model/model.deps";
import { log } from "@weft/http/log";
import { systemClock } from "@weft/kernel/clock";
import { credentialDeps, sealer, web } from "./outbound.ts";

/** What models use of the world: apart from the rest of it, so that functions which call none do not carry it. */
export const modelDeps: ModelDeps = {
  sealer,
  credentials: credentialDeps,
  providers: modelProviders({ web, clock: systemClock }),
  log: (message, data) => log.error(message, data),
};
