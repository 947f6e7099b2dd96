import { parentPort } from "node:worker_threads";
import type { Job } from "./bounds.ts";
import { runProgram } from "./javascript-vm.ts";

/** A thread that runs one program after another, each in an interpreter of its own. Its owner ends it when one is late. */
parentPort?.on("message", async (job: Job) => {
  parentPort?.postMessage(await runProgram(job));
});
