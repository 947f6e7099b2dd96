import { type ListOptions, listPage } from "@weft/db/page";
import { listParts, type PartOptions } from "@weft/db/partitions";
import { matches, searchFilter } from "@weft/db/search";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { decodeCursor, encodeCursor, type Page } from "@weft/kernel/page";
import { isLiveSpace } from "../workflow/workflow.library.ts";
import { hasTag } from "../workflow/workflow.service.ts";
import { PUBLIC, TemplateEntity } from "./template.entity.ts";
import { shown, type TemplateRow } from "./template.find.ts";
import { type ListTemplates, TEMPLATE_SOURCE, type Template, type TemplateSource } from "./template.schema.ts";
import { starterCounts, starters, starterTemplate } from "./template.starters.ts";

type Lister = (ctx: Ctx, input: ListTemplates, part: PartOptions) => Promise<Page<Template>>;

/** What the caller may use: of the product, then of this space, then of the library; each newest or most used first. */
export async function list(ctx: Ctx, input: ListTemplates): Promise<Page<Template>> {
  const { limit, cursor, source, ...filters } = input;
  const known = input.state === "published" ? TEMPLATE_SOURCE : (["space"] as const);
  const partitions = known.filter((one) => source === undefined || one === source);
  const scope = { operation: "listTemplates", spaceId: requireSpace(ctx), filters: { ...filters, source } };
  return listParts((part, options) => listers[part as TemplateSource](ctx, input, options), {
    ...{ scope, partitions, limit, cursor },
  });
}

const listers: Readonly<Record<TemplateSource, Lister>> = { starter: listStarters, space: listSpace, library };

async function listStarters(_ctx: Ctx, input: ListTemplates, { scope, limit, cursor }: PartOptions) {
  const { q, kind, category, tag, featured, sort } = input;
  const counts = await starterCounts();
  const all = [...starters]
    .filter(
      ([, starter]) =>
        (!q || matches(starter.searchText, q)) &&
        (!kind || starter.kind === kind) &&
        (!category || starter.category === category) &&
        (!tag || hasTag(starter.tags, tag)) &&
        (!featured || starter.isFeatured === (featured === "true")),
    )
    .map(([id, starter]) => starterTemplate(id, starter, counts.get(id) ?? 0));
  if (sort === "used") all.sort((a, b) => b.usageCount - a.usageCount);
  const from = Number(decodeCursor(scope, cursor) ?? 0);
  if (!Number.isSafeInteger(from) || from < 0)
    throw new AppError("invalid_cursor", "cursor is not valid for this list");
  const next = from + limit < all.length ? String(from + limit) : null;
  return { items: all.slice(from, from + limit), nextCursor: encodeCursor(scope, next) };
}

async function listSpace(ctx: Ctx, input: ListTemplates, part: PartOptions): Promise<Page<Template>> {
  const spaceId = requireSpace(ctx);
  const { primary, byUse } = TemplateEntity.query;
  const { state } = input;
  const options = pageOptions(input, part);
  const page =
    input.sort === "used"
      ? await listPage(byUse({ spaceId }).where(conditions(input, state) as never), options)
      : await listPage(primary({ spaceId }).where(conditions(input, state) as never), options);
  return { items: page.items.map((row) => shown(row, "space")), nextCursor: page.nextCursor };
}

async function library(ctx: Ctx, input: ListTemplates, part: PartOptions): Promise<Page<Template>> {
  const { byLibrary, libraryByUse } = TemplateEntity.query;
  const options = pageOptions(input, part, ({ spaceId }) => spaceId !== ctx.spaceId);
  const where = conditions(input, "published") as never;
  const page =
    input.sort === "used"
      ? await listPage(libraryByUse({ library: PUBLIC }).where(where), options)
      : await listPage(byLibrary({ library: PUBLIC }).where(where), options);
  const isOpen = await Promise.all(page.items.map(({ spaceId }) => isLiveSpace(spaceId)));
  const items = page.items.filter((_row, index) => isOpen[index] === true);
  return { items: items.map((row) => shown(row, "library")), nextCursor: page.nextCursor };
}

function pageOptions(
  { tag }: ListTemplates,
  part: PartOptions,
  keep: (row: TemplateRow) => boolean = () => true,
): ListOptions<TemplateRow> {
  return { ...part, keep: (row) => keep(row) && (!tag || hasTag(row.tags, tag)) };
}

interface Operations {
  eq(attribute: unknown, value: unknown): string;
  ne(attribute: unknown, value: unknown): string;
  exists(attribute: unknown): string;
  notExists(attribute: unknown): string;
  contains(attribute: unknown, value: string): string;
}

/** What the store filters by. */
function conditions(input: ListTemplates, state: ListTemplates["state"]) {
  const { q, kind, category, featured } = input;
  const search = searchFilter<{ searchText: unknown }>(q);
  return (attr: Record<string, unknown> & { searchText: unknown }, is: Operations): string => {
    const parts = [state === "deleted" ? is.exists(attr.deletedAt) : is.notExists(attr.deletedAt)];
    if (state === "published") parts.push(is.ne(attr.audience, "none"));
    if (state === "unpublished") parts.push(is.eq(attr.audience, "none"));
    if (kind) parts.push(is.eq(attr.kind, kind));
    if (category) parts.push(is.eq(attr.category, category));
    if (featured) parts.push(is.eq(attr.isFeatured, featured === "true"));
    if (search) parts.push(search(attr, is));
    return parts.join(" AND ");
  };
}
