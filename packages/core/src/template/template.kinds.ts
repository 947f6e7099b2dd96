import type { TemplateKind } from "./template.kind.ts";
import type { TemplateKindName } from "./template.schema.ts";
import { workflowTemplates } from "./template.workflow.ts";

/** Every kind of object that templates are made of, one line each. */
const templateKinds = { workflow: workflowTemplates } satisfies Record<TemplateKindName, unknown>;

/** The kind by its name. Contents are given back only to the kind that made them. */
export function kindOf(name: TemplateKindName): TemplateKind {
  return templateKinds[name] as TemplateKind;
}
