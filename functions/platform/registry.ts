/**
 * One import per platform job: importing it makes it known. The manifest's `jobs` has the same names and schedules, and
 * a contract test holds the two equal.
 */
import "../credential/reseal-job.ts";
import "../execution/sweep-job.ts";
import "../file/sweep-job.ts";
import "../trigger/event-jobs.ts";
import "../trigger/sweep-job.ts";
import "../workflow/copy-job.ts";
