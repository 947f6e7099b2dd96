import { baseAttributes, modelOf, searchAttributes, storedAttribute } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity } from "electrodb";
import { type Placeholder, TEMPLATE_AUDIENCE, TEMPLATE_KIND, type TemplateAudience } from "./template.schema.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Template | primary | table | one template; all of a space, newest first |
 * | Template | byUse | gsi1 | all of a space, most used first |
 * | Template | libraryByUse | gsi2 | what everybody may use, most used first; sparse |
 * | Template | byLibrary | gsi4 | what everybody may use, newest first; sparse |
 * | TemplateVersion | primary | table | one version; all of a template in the order of versions |
 * | StarterUse | primary | table | how often each template of the product was used |
 */

/** The partition of the library's indexes; other templates are in none. */
export const PUBLIC = "public";
const LIBRARY = [PUBLIC, "none"] as const;
const RANK_DIGITS = 12;

const isPublic = (attributes: { library?: string }): boolean => attributes.library === PUBLIC;

/** What the indexes say of a template. ElectroDB rebuilds an index only when it is given every part of its keys. */
export function placeOf(audience: TemplateAudience, usageCount: number) {
  const library: (typeof LIBRARY)[number] = audience === "all" ? PUBLIC : "none";
  return { audience, library, usageRank: String(usageCount).padStart(RANK_DIGITS, "0") };
}

export const TemplateEntity = new Entity(
  {
    model: modelOf("template"),
    attributes: {
      spaceId: { type: "string", required: true },
      templateId: { type: "string", required: true },
      kind: { type: TEMPLATE_KIND, required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      icon: { type: "string" },
      category: { type: "string", required: true },
      tags: { type: "list", items: { type: "string" }, required: true },
      sourceId: { type: "string", required: true },
      audience: { type: TEMPLATE_AUDIENCE, required: true },
      isFeatured: { type: "boolean", required: true },
      usageCount: { type: "number", required: true },
      /** Follow `usageCount` and `audience`, see {@link placeOf}. */
      usageRank: { type: "string", required: true },
      library: { type: LIBRARY, required: true },
      currentVersion: { type: "string", required: true },
      publishedAt: { type: "string" },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["templateId"] } },
      byUse: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId"] },
        sk: { field: "gsi1sk", composite: ["usageRank", "templateId"] },
      },
      libraryByUse: {
        index: "gsi2",
        condition: isPublic,
        pk: { field: "gsi2pk", composite: ["library"] },
        sk: { field: "gsi2sk", composite: ["usageRank", "templateId"] },
      },
      byLibrary: {
        index: "gsi4",
        condition: isPublic,
        pk: { field: "gsi4pk", composite: ["library"] },
        sk: { field: "gsi4sk", composite: ["templateId"] },
      },
    },
  },
  ELECTRO,
);

export const TemplateVersionEntity = new Entity(
  {
    model: modelOf("templateversion"),
    attributes: {
      spaceId: { type: "string", required: true },
      templateId: { type: "string", required: true },
      sortKey: { type: "string", required: true, readOnly: true },
      version: { type: "string", required: true, readOnly: true },
      description: { type: "string", required: true },
      content: { ...storedAttribute, required: true },
      placeholders: { type: CustomAttributeType<Placeholder[]>("any"), required: true },
      exampleInput: { ...storedAttribute, required: true },
      sourceId: { type: "string", required: true },
      sourceVersion: { type: "string", required: true },
      createdAt: { type: "string", required: true, readOnly: true },
      createdBy: { type: "string", required: true, readOnly: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "templateId"] },
        sk: { field: "sk", composite: ["sortKey"] },
      },
    },
  },
  ELECTRO,
);

export const StarterUseEntity = new Entity(
  {
    model: modelOf("starteruse"),
    attributes: {
      scope: { type: "string", required: true },
      templateId: { type: "string", required: true },
      usageCount: { type: "number", required: true },
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope"] }, sk: { field: "sk", composite: ["templateId"] } },
    },
  },
  ELECTRO,
);
