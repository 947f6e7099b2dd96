import "./registry.ts";
import { tickHandler } from "./tick.ts";

/** Jobs that know neither plans nor nodes. */
export const handler = tickHandler;
