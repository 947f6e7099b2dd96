import type { Ctx } from "@weft/kernel/ctx";
import { forbidden } from "@weft/kernel/errors";
import { authorize, authorizeUser } from "../identity/authorize.service.ts";
import { addressesOf, findMember, isAtLeast, membersWith, roleIn } from "../identity/member.service.ts";
import { SPACE_ROLES, type SpaceRole } from "../identity/permissions.ts";
import type { ApprovalRow } from "./approval.store.ts";

/** Members that are looked through for who has a role. */
const MAX_MEMBERS = 1_000;
/** Mails that one approval sends. */
const MAX_MAILS = 100;
/** What it needs to answer an approval that names nobody. */
const RUN = "workflow:run";
export const ANSWER = "approval:answer";

/** Who may answer: by name, or by their role. */
export interface Approvers {
  userIds: readonly string[];
  roles: readonly SpaceRole[];
}

const isRole = (text: string): text is SpaceRole => (SPACE_ROLES as readonly string[]).includes(text);

/** Who is meant by the node's list. `unknown` is the first that is neither a role nor a member. */
export async function resolveApprovers(
  spaceId: string,
  named: readonly string[],
): Promise<Approvers & { unknown?: string }> {
  const roles = [...new Set(named.filter(isRole))];
  const userIds = new Set<string>();
  for (const who of named.filter((text) => !isRole(text))) {
    const userId = await findMember(spaceId, who);
    if (userId === undefined) return { userIds: [], roles: [], unknown: who };
    userIds.add(userId);
  }
  return { userIds: [...userIds], roles };
}

/** Whom an approval writes to, with their addresses. What names nobody writes to nobody. */
export async function recipients(spaceId: string, { userIds, roles }: Approvers): Promise<Map<string, string>> {
  const all = new Set([...userIds, ...(await membersWith(spaceId, roles, MAX_MEMBERS))]);
  return addressesOf([...all].slice(0, MAX_MAILS));
}

/** Whether somebody with this role is among those who are asked. Says nothing of whether they still may. */
export function isAmong({ userIds, roles }: Approvers, userId: string, role: SpaceRole | undefined): boolean {
  if (userIds.length === 0 && roles.length === 0) return true;
  if (userIds.includes(userId)) return true;
  return role !== undefined && roles.some((named) => isAtLeast(role, named));
}

/** Throws `forbidden` where the caller, who may answer approvals of the space, is not among those who are asked. */
export async function requireApprover(ctx: Ctx, row: ApprovalRow, userId: string): Promise<void> {
  const { spaceId } = row;
  if (row.userIds.length === 0 && row.roles.length === 0) {
    await authorize(ctx, { permission: RUN, spaceId, mutating: true });
    return;
  }
  if (!isAmong(row, userId, await roleIn(spaceId, userId))) throw forbidden("you are not asked for this approval");
}

/** The same for who comes by a link and has no session: everything is read anew. Throws as `authorizeUser` does. */
export async function requireApproverByLink(row: ApprovalRow, userId: string): Promise<void> {
  const { spaceId } = row;
  await authorizeUser(userId, ANSWER, spaceId, { isFresh: true });
  if (row.userIds.length === 0 && row.roles.length === 0) await authorizeUser(userId, RUN, spaceId);
  else if (!isAmong(row, userId, await roleIn(spaceId, userId))) {
    throw forbidden("you are not asked for this approval");
  }
}
