import "./copy-job.ts";
import { tickHandler } from "../platform/tick.ts";

/** Jobs that compile canvases, and know all node types for it. */
export const handler = tickHandler;
