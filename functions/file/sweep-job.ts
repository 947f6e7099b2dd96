import { sweepFiles } from "@weft/core/file/file.sweep";
import { defineJob } from "@weft/core/platform/jobs";

/** Ends uploads that nobody completed and removes files whose retention is over. */
export const sweepFilesJob = defineJob({
  name: "sweep-files",
  schedule: "rate(1 hour)",
  run: ({ ctx, deadline }) => sweepFiles(ctx, deadline),
});
