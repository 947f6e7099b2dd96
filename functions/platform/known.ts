import { describeJob } from "@weft/core/platform/jobs";
import { jobs } from "../manifest.ts";

for (const job of jobs) describeJob(job);
