import type { Ctx } from "@weft/kernel/ctx";
import type { WorkflowIssue } from "../workflow/workflow.schema.ts";
import type { PlaceholderTarget, TemplateObject, UsedTemplate, UseTemplate } from "./template.schema.ts";

/** One place in the content of a template. */
export interface Place {
  /** What stands there; undefined where nothing does. */
  read(): unknown;
  write(value: unknown): void;
}

/** What is packed as the content of one version. */
export interface Packed<Content> {
  name: string;
  description: string;
  icon?: string | undefined;
  tags: string[];
  content: Content;
}

/** What is made of a template. */
export interface Made {
  id: string;
  name: string;
  issues: WorkflowIssue[];
  objects: UsedTemplate["objects"];
}

/** A kind of object that templates are made of. Contents are plain JSON. */
export interface TemplateKind<Content = unknown> {
  /** The noun of its permissions: `workflow` of `workflow:read`. */
  noun: string;
  /** The object of this space with what it needs, without secrets. Throws `not_found`. */
  pack(ctx: Ctx, sourceId: string, version: string): Promise<Packed<Content>>;
  /** Where a placeholder's value goes; what is wrong with the target where it goes nowhere. */
  place(content: Content, target: PlaceholderTarget): Place | string;
  /** What people see of it before they use it, what is needed first. */
  objects(content: Content): TemplateObject[];
  /** Makes the objects in this space. `origin` tells them where they come from. Throws `invalid_input` for bindings. */
  make(
    ctx: Ctx,
    content: Content,
    input: { name: string; bindings: UseTemplate["bindings"]; origin: string },
  ): Promise<Made>;
}
