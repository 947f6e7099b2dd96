import { updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { guarded, transact, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, conflict, invalidField } from "@weft/kernel/errors";
import type { Page } from "@weft/kernel/page";
import { offload } from "@weft/storage/blob";
import { authorize } from "../identity/authorize.service.ts";
import { isGreater, nextVersion, versionSortKey } from "../workflow/workflow.semver.ts";
import { TemplateVersionEntity } from "./template.entity.ts";
import { type Found, find, findVersion, getChangeable, target, toVersion } from "./template.find.ts";
import type { Packed } from "./template.kind.ts";
import { kindOf } from "./template.kinds.ts";
import { declare } from "./template.placeholders.ts";
import type {
  CreateTemplateVersion,
  Placeholder,
  PlaceholderInput,
  TemplateId,
  TemplateKindName,
  TemplateVersion,
  TemplateVersionSummary,
} from "./template.schema.ts";
import { starterVersion } from "./template.starters.ts";

interface VersionSource {
  kind: TemplateKindName;
  sourceId: string;
  sourceVersion: string;
  version: string;
  notes: string;
  placeholders: readonly PlaceholderInput[];
  exampleInput: Record<string, unknown>;
}

/** A version that is ready to be written. */
export interface PackedVersion extends Packed<unknown>, Omit<VersionSource, "placeholders"> {
  placeholders: Placeholder[];
}

/** Packs the source as it is now. It takes the right to read it. Throws `not_found`, `forbidden`, `invalid_input`. */
export async function packVersion(ctx: Ctx, source: VersionSource): Promise<PackedVersion> {
  const kind = kindOf(source.kind);
  await authorize(ctx, { permission: `${kind.noun}:read`, spaceId: requireSpace(ctx), mutating: false });
  const packed = await kind.pack(ctx, source.sourceId, source.sourceVersion);
  const placeholders = declare(kind, packed.content, source.placeholders);
  // What cannot be read without the values that were taken out would be a template that nobody can look at.
  kind.objects(packed.content);
  return { ...source, ...packed, placeholders };
}

/** The row of a version; its content is stored when this returns. */
export async function versionRow(ctx: Ctx, templateId: TemplateId, packed: PackedVersion) {
  const { version, notes: description, placeholders, sourceId, sourceVersion, content, exampleInput } = packed;
  const owner = { entity: "template", id: templateId };
  return {
    ...{ spaceId: requireSpace(ctx), templateId, version, description, placeholders, sourceId, sourceVersion },
    sortKey: versionSortKey(version),
    content: await offload(ctx, owner, content),
    exampleInput: await offload(ctx, owner, exampleInput),
    createdAt: isoTime(ctx.clock.now()),
    createdBy: actorId(ctx),
  };
}

/** Packs the source again as the version that is used from now on. */
export async function create(
  ctx: Ctx,
  input: CreateTemplateVersion & { templateId: TemplateId },
): Promise<TemplateVersionSummary> {
  const { templateId } = input;
  const template = await getChangeable(ctx, templateId);
  const version = input.version ?? nextVersion(template.currentVersion);
  if (version === null) throw new AppError("unprocessable", "the versions are used up");
  if (!isGreater(version, template.currentVersion))
    throw invalidField("version", `it must be greater than ${template.currentVersion}`);
  const found: Found = { source: "space", id: templateId, kind: template.kind, row: template, inside: ctx };
  const { summary } = await findVersion(found);
  const {
    sourceId = template.sourceId,
    placeholders = summary.placeholders,
    exampleInput = summary.exampleInput,
  } = input;
  const { kind } = template;
  const { sourceVersion, description: notes } = input;
  const given = placeholders.map(({ name, title, description, type, required, options, targets }) => {
    return { name, title, description, type, required, options, targets };
  });
  const packed = await packVersion(ctx, {
    ...{ kind, sourceId, sourceVersion, version, notes, exampleInput, placeholders: given },
  });
  const row = await versionRow(ctx, templateId, packed);
  const set = { currentVersion: version, sourceId };
  await transact([
    guarded(tx(TemplateVersionEntity).create(row).commit(), () => conflict(`there is a version ${version}`)),
    updateOp(ctx, target(ctx, templateId), { set, expectedRevision: template.revision }),
  ]);
  return toVersion(found, row);
}

/** Latest first. */
export async function list(
  ctx: Ctx,
  input: { templateId: TemplateId; limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<TemplateVersionSummary>> {
  const { templateId, limit, cursor } = input;
  const found = await find(ctx, templateId);
  if (found.source === "starter") return { items: [starterVersion(found.id, found.starter)], nextCursor: null };
  const spaceId = requireSpace(found.inside);
  const scope = { operation: "listTemplateVersions", spaceId: requireSpace(ctx), filters: { templateId } };
  const query = TemplateVersionEntity.query.primary({ spaceId, templateId });
  const page = await listPage(query, { scope, limit, cursor });
  return { items: await Promise.all(page.items.map((row) => toVersion(found, row))), nextCursor: page.nextCursor };
}

/** One version with everything that is in it. */
export async function get(
  ctx: Ctx,
  { templateId, version }: { templateId: TemplateId; version: string },
): Promise<TemplateVersion> {
  const found = await find(ctx, templateId);
  const { summary, content } = await findVersion(found, version);
  return { ...summary, objects: kindOf(found.kind).objects(content) };
}
