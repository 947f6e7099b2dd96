import { searchText } from "@weft/db/search";
import { read, tryWrite } from "@weft/db/write";
import { derivedId } from "@weft/kernel/ids";
import { PLATFORM } from "../identity/settings.ts";
import { type PackageMember, packageOf, readPackage } from "../workflow/workflow.package.ts";
import { type StarterSource, starterSources } from "./starters/index.ts";
import { StarterUseEntity } from "./template.entity.ts";
import { kindOf } from "./template.kinds.ts";
import { declare } from "./template.placeholders.ts";
import {
  MAIN,
  PlaceholderInput,
  type Template,
  type TemplateId,
  type TemplateKindName,
  type TemplateVersionSummary,
} from "./template.schema.ts";

/** A template that comes with the product. */
export interface Starter extends Omit<StarterSource, "workflows" | "placeholders"> {
  kind: TemplateKindName;
  workflows: PackageMember[];
  placeholders: TemplateVersionSummary["placeholders"];
  searchText: string;
}

/** The ids of starters sort before all others, and are the same in every deployment. */
const ROOT_ID = "tpl_00000000000000000000000000";

function starterOf(source: StarterSource): Starter {
  const kind = "workflow";
  const { name, tags, description } = source;
  const members = source.workflows.map((one) => (one.externalId === MAIN ? { description, tags, ...one } : one));
  const workflows = readPackage(packageOf(members));
  const declared = source.placeholders.map((one) => PlaceholderInput.parse(one));
  const placeholders = declare(kindOf(kind), workflows, declared);
  return { ...source, kind, workflows, placeholders, searchText: searchText(name, ...tags, description) };
}

/** Everything that comes with the product, by id, in the order in which it is shown. */
export const starters: ReadonlyMap<TemplateId, Starter> = new Map(
  starterSources.map((source) => [derivedId<"template">(ROOT_ID, source.key), starterOf(source)]),
);

/** How often each starter was used, as far as it ever was. */
export async function starterCounts(): Promise<ReadonlyMap<string, number>> {
  const { data } = await read(() => StarterUseEntity.query.primary({ scope: PLATFORM }).go({ pages: "all" }));
  return new Map(data.map(({ templateId, usageCount }) => [templateId, usageCount]));
}

export async function countOf(templateId: TemplateId): Promise<number> {
  const { data } = await read(() => StarterUseEntity.get({ scope: PLATFORM, templateId }).go());
  return data?.usageCount ?? 0;
}

/** Notes one more use of a starter. */
export async function countStarter(templateId: TemplateId): Promise<void> {
  await tryWrite(() => StarterUseEntity.upsert({ scope: PLATFORM, templateId }).add({ usageCount: 1 }).go());
}

/** The API's form of a starter. */
export function starterTemplate(id: TemplateId, starter: Starter, usageCount: number): Template {
  const { kind, name, description, category, tags, isFeatured, version: currentVersion } = starter;
  const shown = { id, source: "starter", kind, name, description, category, tags, isFeatured, usageCount } as const;
  return { ...shown, audience: "all", currentVersion };
}

/** The API's form of a starter's only version: it changes with the product. */
export function starterVersion(templateId: TemplateId, starter: Starter): TemplateVersionSummary {
  const { version, placeholders, exampleInput } = starter;
  return { templateId, version, description: "", placeholders, exampleInput };
}
