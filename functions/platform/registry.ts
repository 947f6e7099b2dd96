/**
 * One import per job of the function `jobs`: importing it makes it run there. The manifest's `jobs` names each with its
 * function, and a contract test holds the two equal.
 */
import "../credential/reseal-job.ts";
import "../execution/sweep-job.ts";
import "../file/sweep-job.ts";
import "../trigger/event-jobs.ts";
import "../trigger/sweep-job.ts";
