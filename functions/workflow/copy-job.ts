import { sweep } from "@weft/core/copy/copy.work";
import { defineJob } from "@weft/core/platform/jobs";

/** Kept back for the step that is going on when the time is over. */
const STEP_RESERVE_MS = 60_000;

/** Goes on with copies that their calls did not finish. */
export const continueCopies = defineJob({
  name: "continue-copies",
  schedule: "rate(1 minute)",
  run: ({ ctx, deadline }) => sweep(ctx, deadline - STEP_RESERVE_MS),
});
