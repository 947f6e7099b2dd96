import * as z from "zod";
import { expressionProblem, renderTemplateText } from "../expressions/evaluate.ts";
import { MAX_EXPRESSION } from "../expressions/limits.ts";
import { defineNode } from "../node.ts";

export const template = defineNode({
  type: "template",
  title: "Template",
  description:
    "Makes one text from a Jinja template over its inputs. What the inputs hold is never read as a template.",
  category: "text",
  config: z.strictObject({ template: z.string().max(MAX_EXPRESSION) }),
  effectful: false,
  outputs: () => [{ name: "output", type: { type: "string" } }],
  check: ({ template: text }) => {
    const message = expressionProblem("jinja", text);
    return message === undefined ? [] : [{ path: "template", message }];
  },
  dify: ["template-transform"],
  run: ({ config, inputs }) => ({ output: { output: renderTemplateText(config.template, inputs) } }),
});
