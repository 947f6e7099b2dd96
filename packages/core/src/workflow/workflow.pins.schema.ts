import { NODE_ID } from "@weft/engine/canvas";
import type { StoredValue } from "@weft/kernel/stored";
import * as z from "zod";

/** Nodes of one draft that may be pinned: what a person sets by hand while working on a workflow. */
export const MAX_PINS = 50;
/** Bytes of one pinned output: every step of a debug run reads all of them. */
export const MAX_PIN_BYTES = 1024 * 1024;

export const NodeId = z.string().regex(NODE_ID, "an id is 1 to 64 letters, digits, _ or -");

export const Pin = z
  .strictObject({
    output: z.record(z.string(), z.unknown()),
    /** The port that the node leaves by, where it has several. */
    port: z.string().min(1).max(64).optional(),
  })
  .meta({ id: "Pin" });
export type Pin = z.output<typeof Pin>;

/** A {@link Pin} as it is kept. */
export interface StoredPin {
  output: StoredValue;
  port?: string;
}

export const Pins = z
  .record(NodeId, Pin)
  .refine((pins) => Object.keys(pins).length <= MAX_PINS, `at most ${MAX_PINS} nodes`)
  .meta({ id: "Pins" });
export type Pins = z.output<typeof Pins>;

export const PinnedOutput = Pin.extend({
  nodeId: z.string(),
  updatedAt: z.iso.datetime(),
  updatedBy: z.string(),
}).meta({ id: "PinnedOutput" });
export type PinnedOutput = z.output<typeof PinnedOutput>;

export const PinnedOutputList = z.object({ items: z.array(PinnedOutput) }).meta({ id: "PinnedOutputList" });
