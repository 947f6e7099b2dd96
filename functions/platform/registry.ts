/**
 * One import per platform job: importing it makes it known. The manifest's `jobs` has the same names and schedules, and
 * a contract test holds the two equal.
 */
import "../execution/sweep-job.ts";
