import { getAny, getLive } from "@weft/db/change";
import { read } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { authorize } from "../identity/authorize.service.ts";
import { isLiveSpace } from "../workflow/workflow.library.ts";
import { VERSION_PATTERN, versionSortKey } from "../workflow/workflow.semver.ts";
import { PUBLIC, TemplateEntity, TemplateVersionEntity } from "./template.entity.ts";
import type {
  Template,
  TemplateAudience,
  TemplateId,
  TemplateKindName,
  TemplateVersionSummary,
} from "./template.schema.ts";
import { countOf, type Starter, starters, starterTemplate, starterVersion } from "./template.starters.ts";

export type TemplateRow = EntityItem<typeof TemplateEntity>;
export type VersionRow = EntityItem<typeof TemplateVersionEntity>;

/** A template that the caller may see, and where it is. */
export type Found =
  | { source: "starter"; id: TemplateId; kind: TemplateKindName; starter: Starter }
  | { source: "space" | "library"; id: TemplateId; kind: TemplateKindName; row: TemplateRow; inside: Ctx };

/** One version of a template with what is in it. */
export interface FoundVersion {
  summary: TemplateVersionSummary;
  /** A copy that may be changed. */
  content: unknown;
}

export function target(ctx: Ctx, templateId: string) {
  return { entity: TemplateEntity, key: { spaceId: requireSpace(ctx), templateId }, what: "template", id: templateId };
}

export function versionTarget(ctx: Ctx, templateId: string, version: string) {
  if (!VERSION_PATTERN.test(version)) throw notFound("version", version);
  const key = { spaceId: requireSpace(ctx), templateId, sortKey: versionSortKey(version) };
  return { entity: TemplateVersionEntity, key, what: "version", id: version };
}

/** Of the product, of this space, or of the library. Throws `not_found` for what the caller may not see. */
export async function find(ctx: Ctx, templateId: TemplateId): Promise<Found> {
  const starter = starters.get(templateId);
  if (starter) return { source: "starter", id: templateId, kind: starter.kind, starter };
  const own = await getAny(target(ctx, templateId));
  if (own && !own.deletedAt) return { source: "space", id: templateId, kind: own.kind, row: own, inside: ctx };
  const { row, inside } = await findPublic(ctx, templateId);
  return { source: "library", id: templateId, kind: row.kind, row, inside };
}

/** A template that everybody may see. The index may lag behind, so what it finds is read again from its space. */
export async function findPublic(ctx: Ctx, templateId: TemplateId): Promise<{ row: TemplateRow; inside: Ctx }> {
  const { data } = await read(() => TemplateEntity.query.byLibrary({ library: PUBLIC, templateId }).go());
  const spaceId = data[0]?.spaceId as Id<"space"> | undefined;
  if (!spaceId) throw notFound("template", templateId);
  const inside: Ctx = { ...ctx, spaceId };
  const row = await getAny(target(inside, templateId));
  if (!row || row.deletedAt || row.library !== PUBLIC || !(await isLiveSpace(spaceId)))
    throw notFound("template", templateId);
  return { row, inside };
}

/**
 * A template of this space that the caller may change. What everybody sees changes only for those who may show things to
 * everybody. Throws `not_found`, `forbidden`.
 */
export async function getChangeable(ctx: Ctx, templateId: TemplateId, next?: TemplateAudience): Promise<TemplateRow> {
  const row = await getLive(ctx, target(ctx, templateId));
  if (row.audience === "all" || next === "all") {
    await authorize(ctx, { permission: "library:publish", spaceId: requireSpace(ctx), mutating: true });
  }
  return row;
}

/** A version of a template, the latest where none is named. Throws `not_found`. */
export async function findVersion(found: Found, version?: string): Promise<FoundVersion> {
  if (found.source === "starter") {
    if (version !== undefined && version !== found.starter.version) throw notFound("version", version);
    const { workflows } = found.starter;
    return { summary: starterVersion(found.id, found.starter), content: structuredClone(workflows) };
  }
  const { inside, row } = found;
  const stored = await getLive(inside, versionTarget(inside, found.id, version ?? row.currentVersion));
  return { summary: await toVersion(found, stored), content: await load(inside, stored.content) };
}

/** The API's form of a version. Other spaces are not told who made it of what. */
export async function toVersion(
  found: Exclude<Found, { source: "starter" }>,
  stored: VersionRow,
): Promise<TemplateVersionSummary> {
  const { version, description, placeholders, createdAt, createdBy, sourceId, sourceVersion } = stored;
  const exampleInput = (await load(found.inside, stored.exampleInput)) as Record<string, unknown>;
  const own = found.source === "space" ? { createdBy, sourceId, sourceVersion } : {};
  return { templateId: found.id, version, description, placeholders, exampleInput, createdAt, ...own };
}

/** The API's form of a template. */
export async function toTemplate(found: Found): Promise<Template> {
  if (found.source === "starter") return starterTemplate(found.id, found.starter, await countOf(found.id));
  return shown(found.row, found.source);
}

/** The API's form of a row. Other spaces are told what it is, and not who made it of what. */
export function shown(row: TemplateRow, source: "space" | "library"): Template {
  const { kind, name, description, icon, category, tags, audience, isFeatured, usageCount, currentVersion } = row;
  const { sourceId, revision, createdAt, updatedAt, createdBy, deletedAt, publishedAt } = row;
  return {
    ...{ id: row.templateId as TemplateId, source, kind, name, description, category, tags, audience },
    ...{ isFeatured, usageCount, currentVersion },
    ...(icon === undefined ? {} : { icon }),
    ...(publishedAt === undefined ? {} : { publishedAt }),
    ...(source === "space" ? { sourceId, revision, createdAt, updatedAt, createdBy } : {}),
    ...(source === "space" && deletedAt !== undefined ? { deletedAt } : {}),
  };
}
