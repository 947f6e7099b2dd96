import { close } from "@weft/core/approval/approval.close";
import { open } from "@weft/core/approval/approval.open";
import type { AnswerApproval } from "@weft/core/approval/approval.schema";
import * as Approval from "@weft/core/approval/approval.service";
import type { Mail } from "@weft/core/identity/mailer";
import type { SpaceRole } from "@weft/core/identity/permissions";
import { PLATFORM } from "@weft/core/identity/settings";
import { MemberEntity, SpaceEntity } from "@weft/core/identity/space.entity";
import { UserEntity } from "@weft/core/identity/user.entity";
import { created } from "@weft/db/base";
import { claim } from "@weft/db/unique";
import { transact } from "@weft/db/write";
import { actorOf } from "@weft/http/authenticate";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { EngineWorld } from "./engine-world.ts";
import { makePerson } from "./people.ts";

export interface Approver {
  userId: Id<"user">;
  email: string;
  ctx: Ctx;
}

/** People in the space of an engine world, with approvals as the product wires them and a mailbox for everybody. */
export async function startApprovals(world: EngineWorld) {
  const spaceId = world.ctx.spaceId as Id<"space">;
  const mails: Mail[] = [];
  /** Sends of mail that fail before one succeeds. */
  const trouble = { sends: 0 };
  const mailer = {
    send: async (mail: Mail) => {
      if (trouble.sends > 0) {
        trouble.sends -= 1;
        throw new Error("the mail server is away");
      }
      mails.push(mail);
    },
  };
  Object.assign(world.deps, {
    asked: (execution, event) =>
      open({ ...world.deps, mailer, publicUrl: "https://weft.example.com/prod/" }, execution, event),
    ended: (execution) => close(world.deps, execution),
  } satisfies Partial<EngineWorld["deps"]>);
  await SpaceEntity.create({
    ...{ spaceId, kind: "team", name: "Team", description: "", ownerId: "usr_owner" },
    ...created(world.ctx),
  }).go();
  const join = async (name: string, role: SpaceRole = "member"): Promise<Approver> => {
    const { userId, authorizer } = await makePerson(name);
    const { data } = await UserEntity.patch({ scope: PLATFORM, userId })
      .set({ emailVerifiedAt: isoTime(world.clock.now()) })
      .go({ response: "all_new" });
    const email = data.email as string;
    await transact([claim(world.ctx, { scope: PLATFORM, kind: "user_email", value: email, ownerId: userId })]);
    await MemberEntity.create({ spaceId, userId, role, createdAt: isoTime(world.clock.now()) }).go();
    return { userId, email, ctx: { ...world.ctx, actor: actorOf(authorizer) } };
  };
  const all = async (who: Approver, query: Partial<Parameters<typeof Approval.list>[1]> = {}) =>
    (await Approval.list(who.ctx, { limit: 50, scope: "all", ...query })).items;
  return {
    mails,
    trouble,
    join,
    all,
    /** The approval that this execution waits for. */
    of: async (who: Approver, executionId: string) => {
      const found = (await all(who)).find((approval) => approval.executionId === executionId);
      if (!found) throw new Error("the execution asks for no approval");
      return found;
    },
    answer: (who: Approver, approvalId: Id<"approval">, given: Partial<AnswerApproval> = {}, deps = world.deps) =>
      Approval.answer(who.ctx, deps, { approvalId, decision: "approve", comment: "", fields: {}, ...given }),
    /** Tokens of the links in mails to somebody, oldest first. */
    tokens: (who: Approver) =>
      mails.filter(({ to }) => to === who.email).flatMap(({ text }) => /\/approvals\/(al_\S+)/.exec(text)?.[1] ?? []),
  };
}
