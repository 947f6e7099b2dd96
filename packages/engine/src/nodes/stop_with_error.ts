import * as z from "zod";
import { MAX_STRING } from "../limits.ts";
import { defineNode, NodeError } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

export const stopWithError = defineNode({
  type: "stop_with_error",
  title: "Stop with an error",
  description: "Fails the execution, or the turn that it stands in, with a message of its own.",
  category: "flow",
  config: z.strictObject({
    message: z.string().min(1).max(MAX_STRING),
    /** Stable word for programs. */
    code: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,63}$/, "a code is a snake_case word")
      .default("stopped"),
    /** The input that is given as the failure's details. */
    details: z.string().max(128).optional(),
  }),
  effectful: false,
  ports: () => [],
  uses: ({ details }) => (details === undefined ? [] : [details]),
  n8n: ["n8n-nodes-base.stopAndError"],
  run({ config, inputs }) {
    throw new NodeError(config.code, renderTemplate(config.message, inputs), {
      retryable: false,
      ...(config.details === undefined ? {} : { details: inputs[config.details] }),
    });
  },
});
