import { getAny } from "@weft/db/change";
import { tryWrite } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { authorize } from "../identity/authorize.service.ts";
import { placeOf, TemplateEntity } from "./template.entity.ts";
import { type Found, find, findVersion, target, toTemplate } from "./template.find.ts";
import { kindOf } from "./template.kinds.ts";
import { fill } from "./template.placeholders.ts";
import type { TemplateId, UsedTemplate, UseTemplate } from "./template.schema.ts";
import { countStarter } from "./template.starters.ts";

/** Uses at the same moment that a count gets by; one that is still in the way is not counted. */
const COUNT_TRIES = 20;

/**
 * Makes a new object of this space from a template, with values for its placeholders. It takes the right to write such
 * objects. Throws `not_found`, `forbidden`, and `invalid_input` naming the parameter or binding.
 */
export async function use(ctx: Ctx, input: UseTemplate & { templateId: TemplateId }): Promise<UsedTemplate> {
  const { templateId, parameters, bindings } = input;
  const found = await find(ctx, templateId);
  const kind = kindOf(found.kind);
  await authorize(ctx, { permission: `${kind.noun}:write`, spaceId: requireSpace(ctx), mutating: true });
  const { summary, content } = await findVersion(found, input.version);
  fill(kind, content, summary.placeholders, parameters);
  const { version } = summary;
  const name = input.name ?? (await toTemplate(found)).name;
  const made = await kind.make(ctx, content, { name, bindings, origin: `${templateId}/${version}` });
  await count(found);
  return { templateId, version, kind: found.kind, ...made };
}

/** The count is no change of the template: whoever edits it must not find a new revision. */
async function count(found: Found): Promise<void> {
  if (found.source === "starter") return countStarter(found.id);
  const { inside, id } = found;
  for (let attempt = 0; attempt < COUNT_TRIES; attempt++) {
    const row = await getAny(target(inside, id));
    if (!row) return;
    const { audience, usageCount: before } = row;
    const usageCount = before + 1;
    const written = await tryWrite(() =>
      TemplateEntity.patch(target(inside, id).key)
        .set({ ...placeOf(audience, usageCount), usageCount })
        .where((attr, is) => `${is.eq(attr.usageCount, before)} AND ${is.eq(attr.audience, audience)}`)
        .go(),
    );
    if (written) return;
  }
}
