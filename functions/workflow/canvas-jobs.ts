import "../trigger/schedule-job.ts";
import "./copy-job.ts";
import { tickHandler } from "../platform/tick.ts";

/** Jobs that compile canvases or start runs, and know all node types for it. */
export const handler = tickHandler;
