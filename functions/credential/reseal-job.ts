import { defineJob } from "@weft/core/platform/jobs";
import { resealOld } from "@weft/core/platform/vault";
import { sealer } from "../outbound.ts";

/** Seals old secrets under new data keys, so that none outlives the master key's rotations for long. */
export const resealSecrets = defineJob({
  name: "reseal-secrets",
  schedule: "rate(1 day)",
  run: async ({ ctx, deadline }) => resealOld(ctx, sealer, deadline),
});
