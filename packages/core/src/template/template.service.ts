import { created } from "@weft/db/base";
import { restore as restoreRow, updateOp, updateWithRevision } from "@weft/db/change";
import { searchText } from "@weft/db/search";
import { transact, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import { placeOf, TemplateEntity, TemplateVersionEntity } from "./template.entity.ts";
import { find, findPublic, getChangeable, shown, target, toTemplate } from "./template.find.ts";
import type {
  CreateTemplate,
  PublishTemplate,
  Template,
  TemplateAudience,
  TemplateId,
  UpdateTemplate,
} from "./template.schema.ts";
import { packVersion, versionRow } from "./template.versions.ts";

const FIRST_VERSION = "v1.0.0";

/** A template with its first version, which nobody but its space's members finds before it is published. */
export async function create(ctx: Ctx, input: CreateTemplate): Promise<Template> {
  const { kind, sourceId } = input;
  const spaceId = requireSpace(ctx);
  const templateId = newId("template", ctx.clock.now());
  const packed = await packVersion(ctx, { ...input, version: FIRST_VERSION, notes: "" });
  const { name = packed.name, description = packed.description, tags = packed.tags, category } = input;
  const icon = input.icon ?? packed.icon;
  const row = {
    ...{ spaceId, templateId, kind, name, description, icon, category, tags, sourceId },
    ...{ isFeatured: false, usageCount: 0, currentVersion: FIRST_VERSION, ...placeOf("none", 0) },
    searchText: searchOf({ name, tags, description }),
    ...created(ctx),
  };
  await transact([
    tx(TemplateEntity).create(row).commit(),
    tx(TemplateVersionEntity)
      .create(await versionRow(ctx, templateId, packed))
      .commit(),
  ]);
  return shown(row, "space");
}

/** One that the caller may see: of the product, of this space or of the library. */
export async function get(ctx: Ctx, { templateId }: { templateId: TemplateId }): Promise<Template> {
  return toTemplate(await find(ctx, templateId));
}

/** Changes a template's own fields. */
export async function update(ctx: Ctx, input: UpdateTemplate & { templateId: TemplateId }): Promise<Template> {
  const { templateId, expectedRevision, icon, ...rest } = input;
  const current = await getChangeable(ctx, templateId);
  const set = { ...rest, searchText: searchOf({ ...current, ...rest }), ...(icon ? { icon } : {}) };
  const change = { set, expectedRevision, ...(icon === null ? { remove: ["icon" as const] } : {}) };
  return shown(await updateWithRevision(ctx, target(ctx, templateId), change), "space");
}

/** Shows a template to its space or to everybody. */
export async function publish(ctx: Ctx, input: PublishTemplate & { templateId: TemplateId }): Promise<Template> {
  const { templateId, audience, expectedRevision } = input;
  return changeAudience(ctx, templateId, audience, expectedRevision);
}

/** Takes a template back; what was made of it stays. */
export async function unpublish(ctx: Ctx, { templateId }: { templateId: TemplateId }): Promise<Template> {
  return changeAudience(ctx, templateId, "none");
}

/** Deletes a template; it can be restored, and is published anew then. */
export async function remove(ctx: Ctx, { templateId }: { templateId: TemplateId }): Promise<void> {
  const row = await getChangeable(ctx, templateId);
  const set = { ...placeOf("none", row.usageCount), isFeatured: false, deletedAt: isoTime(ctx.clock.now()) };
  await transact([updateOp(ctx, target(ctx, templateId), { set, expectedRevision: row.revision })]);
}

export async function restore(ctx: Ctx, { templateId }: { templateId: TemplateId }): Promise<Template> {
  return shown(await restoreRow(ctx, target(ctx, templateId)), "space");
}

/** What the library shows first. Throws `not_found` for what is not public. */
export async function feature(
  ctx: Ctx,
  { templateId, isFeatured }: { templateId: TemplateId; isFeatured: boolean },
): Promise<Template> {
  const { row, inside } = await findPublic(ctx, templateId);
  const change = { set: { isFeatured }, expectedRevision: row.revision };
  return shown(await updateWithRevision(inside, target(inside, templateId), change), "library");
}

async function changeAudience(
  ctx: Ctx,
  templateId: TemplateId,
  audience: TemplateAudience,
  expectedRevision?: number,
): Promise<Template> {
  const row = await getChangeable(ctx, templateId, audience);
  const set = {
    ...placeOf(audience, row.usageCount),
    ...(audience === "none" ? {} : { publishedAt: isoTime(ctx.clock.now()) }),
    // What was featured for everybody is not so for fewer.
    ...(audience === "all" ? {} : { isFeatured: false }),
  };
  const change = {
    set,
    expectedRevision: expectedRevision ?? row.revision,
    ...(audience === "none" ? { remove: ["publishedAt" as const] } : {}),
  };
  return shown(await updateWithRevision(ctx, target(ctx, templateId), change), "space");
}

function searchOf({ name, tags, description }: Pick<Template, "name" | "tags" | "description">): string {
  return searchText(name, ...tags, description);
}
