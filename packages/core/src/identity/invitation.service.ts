import { createHash } from "node:crypto";
import { expiresIn, isExpired } from "@weft/db/base";
import { getAny, getLive } from "@weft/db/change";
import { listAll, listPage } from "@weft/db/page";
import { requireRate } from "@weft/db/rate-limit";
import { canonical } from "@weft/db/unique";
import { guarded, read, transact, tryWrite, tx, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace, requireUser } from "@weft/kernel/ctx";
import { conflict, forbidden, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { EntityItem } from "electrodb";
import { storedMember } from "./access.ts";
import { tokenRefused } from "./mail-token.service.ts";
import { type IdentityDeps, mails } from "./mailer.ts";
import { newSecret, readToken, sameHash } from "./secret.ts";
import { INVITATION_MS, MAX_INVITATIONS, PLATFORM, RATES } from "./settings.ts";
import { InvitationEntity } from "./space.entity.ts";
import type { CreateInvitation, Invitation, MyInvitation } from "./space.schema.ts";
import { addMemberOp, get as getSpace, type PageInput, spaceTarget } from "./space.service.ts";
import { userTarget } from "./user.service.ts";

type Row = EntityItem<typeof InvitationEntity>;

const hashOf = (email: string): string => createHash("sha256").update(canonical(email)).digest("hex");

/** Invites an address into the ctx's space; whether it has an account does not matter and is not told. */
export async function create(ctx: Ctx, deps: IdentityDeps, input: CreateInvitation): Promise<Invitation> {
  const spaceId = requireSpace(ctx);
  const space = await getSpace(ctx);
  if (space.kind === "personal") throw conflict("nobody is invited into a personal space");
  if (input.role === "admin" && space.role !== "owner") throw forbidden("only the owner makes administrators");
  await requireRate(ctx.clock, { ...RATES.inviteUser, scope: PLATFORM, subject: requireUser(ctx) });
  const open = await listAll(InvitationEntity.query.primary({ spaceId }), { max: MAX_INVITATIONS * 10 });
  const now = ctx.clock.now();
  if (open.filter((row) => !isExpired(row, now)).length >= MAX_INVITATIONS) {
    throw conflict(`a space has at most ${MAX_INVITATIONS} open invitations`);
  }
  const invitationId = newId("invitation", now);
  const { token, hash } = newSecret("invitation", invitationId, [spaceId]);
  const row = {
    spaceId,
    invitationId,
    email: input.email,
    emailHash: hashOf(input.email),
    role: input.role,
    secretHash: hash,
    createdAt: isoTime(now),
    createdBy: actorId(ctx),
    expiresAt: expiresIn(INVITATION_MS, now),
  };
  await write(() => InvitationEntity.create(row).go());
  await deps.mailer.send(mails.invite(input.email, space.name, token));
  return toInvitation(row);
}

/** Open invitations into the ctx's space. */
export async function list(ctx: Ctx, { limit, cursor }: PageInput): Promise<Page<Invitation>> {
  const spaceId = requireSpace(ctx);
  const page = await listPage(InvitationEntity.query.primary({ spaceId }), {
    scope: { operation: "listInvitations", spaceId },
    limit,
    cursor,
    keep: (row) => !isExpired(row, ctx.clock.now()),
  });
  return { items: page.items.map(toInvitation), nextCursor: page.nextCursor };
}

/** Takes an invitation back. */
export async function remove(ctx: Ctx, invitationId: Id<"invitation">): Promise<void> {
  const gone = await tryWrite(() => InvitationEntity.remove({ spaceId: requireSpace(ctx), invitationId }).go());
  if (!gone) throw notFound("invitation", invitationId);
}

/** Open invitations of the caller's address, once it is confirmed. */
export async function listMine(ctx: Ctx): Promise<{ items: MyInvitation[] }> {
  const rows = await mine(ctx);
  const spaces = await Promise.all(rows.map((row) => getAny(spaceTarget(row.spaceId))));
  const items = rows.flatMap((row, index) => {
    const space = spaces[index];
    return space && !space.deletedAt ? [{ ...toInvitation(row), spaceName: space.name }] : [];
  });
  return { items };
}

async function mine(ctx: Ctx): Promise<Row[]> {
  const user = await getLive(ctx, userTarget(requireUser(ctx)));
  if (!user.emailVerifiedAt) return [];
  const query = InvitationEntity.query.byEmail({ emailHash: hashOf(user.email) });
  const rows = await listAll(query, { max: MAX_INVITATIONS * 10 });
  return rows.filter((row) => !isExpired(row, ctx.clock.now()));
}

/** Accepts by the token from the mail. The invitation is for its address: another account's token is refused. */
export async function accept(ctx: Ctx, token: string): Promise<{ spaceId: Id<"space"> }> {
  const found = readToken("invitation", token);
  const [invitationId, spaceId] = found?.ids ?? [];
  if (!found || !invitationId || !spaceId) throw tokenRefused();
  const { data: row } = await read(() => InvitationEntity.get({ spaceId, invitationId }).go({ consistent: true }));
  const user = await getLive(ctx, userTarget(requireUser(ctx)));
  const isGood = row && sameHash(row.secretHash, found.hash) && !isExpired(row, ctx.clock.now());
  if (!isGood || canonical(row.email) !== canonical(user.email)) throw tokenRefused();
  return join(ctx, row);
}

/** Accepts one of the invitations that {@link listMine} shows. */
export async function acceptMine(ctx: Ctx, invitationId: Id<"invitation">): Promise<{ spaceId: Id<"space"> }> {
  return join(ctx, await mineById(ctx, invitationId));
}

/** Declines one of the invitations that {@link listMine} shows. */
export async function declineMine(ctx: Ctx, invitationId: Id<"invitation">): Promise<void> {
  const { spaceId } = await mineById(ctx, invitationId);
  await tryWrite(() => InvitationEntity.delete({ spaceId, invitationId }).go());
}

async function mineById(ctx: Ctx, invitationId: Id<"invitation">): Promise<Row> {
  const row = (await mine(ctx)).find((candidate) => candidate.invitationId === invitationId);
  if (!row) throw notFound("invitation", invitationId);
  return row;
}

async function join(ctx: Ctx, row: Row): Promise<{ spaceId: Id<"space"> }> {
  const userId = requireUser(ctx);
  const { spaceId, invitationId } = row;
  await getLive(ctx, spaceTarget(spaceId));
  const used = tx(InvitationEntity)
    .delete({ spaceId, invitationId })
    .where((attr, op) => op.exists(attr.email))
    .commit();
  await transact([guarded(used, tokenRefused), addMemberOp(ctx, spaceId, userId, row.role)]);
  storedMember(spaceId, userId, row.role);
  return { spaceId: spaceId as Id<"space"> };
}

function toInvitation(row: Row): Invitation {
  return {
    id: row.invitationId as Id<"invitation">,
    spaceId: row.spaceId as Id<"space">,
    email: row.email,
    role: row.role,
    createdAt: row.createdAt,
    createdBy: row.createdBy,
    endsAt: isoTime((row.expiresAt ?? 0) * 1000),
  };
}
