import { type Id, idSchema } from "@weft/kernel/ids";
import { MAX_TAG, Tags } from "@weft/kernel/labels";
import { pageOf } from "@weft/kernel/page";
import * as z from "zod";
import { Version } from "../workflow/settings.schema.ts";
import {
  Description,
  DRAFT,
  FieldList,
  Icon,
  MAX_NAME,
  Name,
  Revision,
  VersionOrDraft,
  WorkflowIssue,
} from "../workflow/workflow.schema.ts";

/** What templates are made of; {@link templateKinds} says how. */
export const TEMPLATE_KIND = ["workflow"] as const;
/** starter: comes with the product. space: of this space. library: what other spaces show to everybody. */
export const TEMPLATE_SOURCE = ["starter", "space", "library"] as const;
/** Who finds a template: nobody yet, its space, everybody with an account. */
export const TEMPLATE_AUDIENCE = ["none", "space", "all"] as const;
export const TEMPLATE_STATE = ["published", "unpublished", "all", "deleted"] as const;
/** used: those that were used most often come first. */
export const TEMPLATE_SORT = ["newest", "used"] as const;
export const PLACEHOLDER_TYPE = ["string", "integer", "number", "boolean", "list", "object"] as const;

export type TemplateKindName = (typeof TEMPLATE_KIND)[number];
export type TemplateSource = (typeof TEMPLATE_SOURCE)[number];
export type TemplateAudience = (typeof TEMPLATE_AUDIENCE)[number];
export type TemplateId = Id<"template">;

/** The key of the object that a template was made of; the others are what it needs. */
export const MAIN = "main";
const MAX_CATEGORY = 50;
const MAX_KEY = 64;
const MAX_PLACEHOLDERS = 50;
const MAX_TARGETS = 50;
const MAX_OPTIONS = 100;
const MAX_TITLE = 200;
const MAX_PATH = 1_000;
const MAX_BINDINGS = 100;
const MAX_SOURCE_ID = 128;
const GENERAL = "general";

const Category = z
  .string()
  .max(MAX_CATEGORY)
  .regex(/^[a-z][a-z0-9-]*$/, "a category is a word such as data or human-review");
const Key = z.string().min(1).max(MAX_KEY);
const Kind = z.enum(TEMPLATE_KIND);

const PlaceholderTarget = z
  .strictObject({
    object: Key.default(MAIN).meta({ description: "Key of the object; the main one where it is left out" }),
    nodeId: Key.meta({ description: "The node, wherever it stands in the object" }),
    path: z
      .string()
      .min(1)
      .max(MAX_PATH)
      .meta({ description: "Where the value goes in the node's data: `config.timeoutMs`, `inputs[0].value`" }),
  })
  .meta({ id: "TemplatePlaceholderTarget" });
export type PlaceholderTarget = z.output<typeof PlaceholderTarget>;

export const PlaceholderInput = z
  .strictObject({
    name: z.string().regex(/^[a-z][A-Za-z0-9_]{0,63}$/, "a name is a word such as taxRate"),
    title: z.string().trim().min(1).max(MAX_TITLE),
    description: Description.default(""),
    type: z.enum(PLACEHOLDER_TYPE),
    required: z.boolean().default(false).meta({
      description: "Whoever uses the template has to give a value; the one that it was made with is taken out.",
    }),
    options: z.array(z.unknown()).min(1).max(MAX_OPTIONS).optional().meta({ description: "The only values allowed" }),
    targets: z.array(PlaceholderTarget).min(1).max(MAX_TARGETS),
  })
  .meta({ id: "TemplatePlaceholderInput" });
export type PlaceholderInput = z.output<typeof PlaceholderInput>;
const Placeholders = z.array(PlaceholderInput).max(MAX_PLACEHOLDERS);

export const Placeholder = z
  .object({
    ...PlaceholderInput.shape,
    /** What stands there where no value is given; null where one has to be. */
    default: z.unknown(),
  })
  .meta({ id: "TemplatePlaceholder" });
export type Placeholder = z.output<typeof Placeholder>;

const ExampleInput = z
  .record(z.string().min(1).max(128), z.unknown())
  .meta({ description: "An input to try the result with" });
const SourceId = z.string().min(1).max(MAX_SOURCE_ID);
const SourceVersion = VersionOrDraft.default(DRAFT);

export const CreateTemplate = z
  .object({
    kind: Kind.default("workflow"),
    sourceId: SourceId.meta({ description: "The workflow of this space that it is made of" }),
    sourceVersion: SourceVersion,
    name: Name.optional().meta({ description: "The name of the source where it is left out" }),
    description: Description.optional(),
    icon: Icon.optional(),
    category: Category.default(GENERAL),
    tags: Tags.optional(),
    placeholders: Placeholders.default([]),
    exampleInput: ExampleInput.default({}),
  })
  .meta({ id: "CreateTemplate" });
export type CreateTemplate = z.output<typeof CreateTemplate>;

export const UpdateTemplate = z
  .object({
    expectedRevision: Revision,
    name: Name.optional(),
    description: Description.optional(),
    icon: Icon.nullable().optional(),
    category: Category.optional(),
    tags: Tags.optional(),
  })
  .meta({ id: "UpdateTemplate" });
export type UpdateTemplate = z.output<typeof UpdateTemplate>;

export const CreateTemplateVersion = z
  .object({
    /** The source of the version before where it is left out. */
    sourceId: SourceId.optional(),
    sourceVersion: SourceVersion,
    version: Version.optional().meta({ description: "Greater than every earlier one; the next patch by itself" }),
    description: Description.default(""),
    /** Those of the version before where they are left out. */
    placeholders: Placeholders.optional(),
    exampleInput: ExampleInput.optional(),
  })
  .meta({ id: "CreateTemplateVersion" });
export type CreateTemplateVersion = z.output<typeof CreateTemplateVersion>;

export const PublishTemplate = z
  .object({ audience: z.enum(["space", "all"]), expectedRevision: Revision.optional() })
  .meta({ id: "PublishTemplate" });
export type PublishTemplate = z.output<typeof PublishTemplate>;

export const FeatureTemplate = z.object({ isFeatured: z.boolean() }).meta({ id: "FeatureTemplate" });

export const UseTemplate = z
  .object({
    version: Version.optional().meta({ description: "The latest where it is left out" }),
    name: Name.optional(),
    parameters: z
      .record(z.string().min(1).max(MAX_KEY), z.unknown())
      .default({})
      .meta({ description: "Values of the placeholders, by name" }),
    bindings: z
      .strictObject({
        workflows: z
          .record(Key, idSchema("workflow"))
          .refine((value) => Object.keys(value).length <= MAX_BINDINGS, `at most ${MAX_BINDINGS} entries`)
          .default({}),
      })
      .prefault({})
      .meta({ description: "Workflows of this space that take the place of objects of the template, by their keys" }),
  })
  .meta({ id: "UseTemplate" });
export type UseTemplate = z.output<typeof UseTemplate>;

export const Template = z
  .object({
    id: idSchema("template"),
    source: z.enum(TEMPLATE_SOURCE),
    kind: Kind,
    name: z.string(),
    description: z.string(),
    icon: z.string().optional(),
    category: z.string(),
    tags: z.array(z.string()),
    audience: z.enum(TEMPLATE_AUDIENCE),
    isFeatured: z.boolean(),
    /** How often something was made of it. */
    usageCount: z.int(),
    currentVersion: z.string(),
    publishedAt: z.iso.datetime().optional(),
    /** What only its own space sees follows. */
    sourceId: z.string().optional(),
    revision: z.int().optional(),
    createdAt: z.iso.datetime().optional(),
    updatedAt: z.iso.datetime().optional(),
    createdBy: z.string().optional(),
    deletedAt: z.iso.datetime().optional(),
  })
  .meta({ id: "Template" });
export type Template = z.output<typeof Template>;
export const TemplatePage = pageOf(Template).meta({ id: "TemplatePage" });

export const TemplateVersionSummary = z
  .object({
    templateId: idSchema("template"),
    version: z.string(),
    /** What its author says of it. */
    description: z.string(),
    placeholders: z.array(Placeholder),
    exampleInput: z.record(z.string(), z.unknown()),
    createdAt: z.iso.datetime().optional(),
    /** Only its own space sees what follows. */
    createdBy: z.string().optional(),
    sourceId: z.string().optional(),
    sourceVersion: z.string().optional(),
  })
  .meta({ id: "TemplateVersionSummary" });
export type TemplateVersionSummary = z.output<typeof TemplateVersionSummary>;
export const TemplateVersionPage = pageOf(TemplateVersionSummary).meta({ id: "TemplateVersionPage" });

export const TemplateObject = z
  .object({
    key: z.string(),
    kind: Kind,
    name: z.string(),
    description: z.string(),
    /** The object that it was made of; the others are what it needs. */
    isMain: z.boolean(),
    nodeCount: z.int(),
    inputs: FieldList,
    outputs: FieldList,
    canvas: z.unknown(),
  })
  .meta({ id: "TemplateObject" });
export type TemplateObject = z.output<typeof TemplateObject>;

/** A version with what is in it, as it can be looked at before it is used. */
export const TemplateVersion = TemplateVersionSummary.extend({ objects: z.array(TemplateObject) }).meta({
  id: "TemplateVersion",
});
export type TemplateVersion = z.output<typeof TemplateVersion>;

export const UsedTemplate = z
  .object({
    templateId: idSchema("template"),
    version: z.string(),
    kind: Kind,
    /** The object that was made; a draft, to be run and published as any other. */
    id: z.string(),
    name: z.string(),
    /** What is to be mended in it before it can be published. */
    issues: z.array(WorkflowIssue),
    /** Everything that was made or bound, what is needed first: the order in which to publish. */
    objects: z.array(z.object({ key: z.string(), kind: Kind, id: z.string() })),
  })
  .meta({ id: "UsedTemplate" });
export type UsedTemplate = z.output<typeof UsedTemplate>;

const Flag = z.enum(["true", "false"]);
export const listTemplatesQuery = {
  q: z.string().max(MAX_NAME).optional(),
  source: z.enum(TEMPLATE_SOURCE).optional(),
  kind: Kind.optional(),
  category: Category.optional(),
  tag: z.string().max(MAX_TAG).optional(),
  featured: Flag.optional(),
  /** Of templates of this space; the others are all published. */
  state: z.enum(TEMPLATE_STATE).default("published"),
  sort: z.enum(TEMPLATE_SORT).default("newest"),
};
export interface ListTemplates {
  q?: string | undefined;
  source?: TemplateSource | undefined;
  kind?: TemplateKindName | undefined;
  category?: string | undefined;
  tag?: string | undefined;
  featured?: "true" | "false" | undefined;
  state: (typeof TEMPLATE_STATE)[number];
  sort: (typeof TEMPLATE_SORT)[number];
  limit?: number | undefined;
  cursor?: string | undefined;
}
