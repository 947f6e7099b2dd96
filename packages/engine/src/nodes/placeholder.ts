import * as z from "zod";
import { MAX_STRING } from "../limits.ts";
import { defineNode, NodeError } from "../node.ts";

export const placeholder = defineNode({
  type: "placeholder",
  title: "Placeholder",
  description: "Keeps a node of another system that has no counterpart here. A workflow with one cannot be published.",
  category: "flow",
  config: z.strictObject({
    /** The other system and its name of the node's type. */
    system: z.string().max(32),
    type: z.string().max(300),
    /** Why it could not be taken over, for people. */
    reason: z.string().max(2_000),
    /** Names of the ports that it left by. */
    ports: z.array(z.string().min(1).max(64)).max(64).optional(),
    /** The node as it came, in JSON. */
    original: z.string().max(MAX_STRING).optional(),
  }),
  effectful: true,
  portForms: [{ name: "{name}", description: "A port of the node that it stands for." }],
  ports: ({ ports }) => ports ?? ["default"],
  check: ({ system, type, reason }) => [
    { path: "type", message: `${system} node "${type}" is a placeholder: ${reason}` },
  ],
  run({ config }) {
    throw new NodeError("placeholder", `${config.system} node "${config.type}" has no counterpart here`, {
      retryable: false,
    });
  },
});
