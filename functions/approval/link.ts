import * as Link from "@weft/core/approval/approval.link";
import { DECISION, MAX_COMMENT } from "@weft/core/approval/approval.schema";
import type { Reply } from "@weft/http/reply";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { deps } from "./deps.ts";
import { askPage, formValues, wordsPage } from "./page.ts";

const OVER = "This link is not valid, or not any longer.";
const THANKS = { approve: "You have approved.", reject: "You have rejected." } as const;

/** Shows what a link is for. Has no effect. */
export async function show(ctx: Ctx, token: string): Promise<Reply<never>> {
  try {
    return askPage(await Link.follow(ctx, token));
  } catch (thrown) {
    return refused(thrown);
  }
}

/** Takes the answer of the page. What cannot be taken is shown on the page again, as far as the link is good. */
export async function answer(ctx: Ctx, token: string, body: Readonly<Record<string, string>>): Promise<Reply<never>> {
  try {
    const linked = await Link.follow(ctx, token);
    const decision = DECISION.find((word) => word === body.decision);
    const comment = body.comment ?? "";
    if (!decision) return askPage(linked, 400, "Approve or reject.");
    if (comment.length > MAX_COMMENT) return askPage(linked, 400, `A comment has at most ${MAX_COMMENT} characters.`);
    try {
      await Link.answerByLink(ctx, deps(), token, { decision, comment, fields: formValues(body) });
    } catch (thrown) {
      if (thrown instanceof AppError && (thrown.code === "invalid_input" || thrown.code === "too_large")) {
        return askPage(linked, thrown.status, thrown.message);
      }
      throw thrown;
    }
    return wordsPage(200, `${THANKS[decision]} You may close this window.`);
  } catch (thrown) {
    return refused(thrown);
  }
}

function refused(thrown: unknown): Reply<never> {
  if (!(thrown instanceof AppError)) throw thrown;
  if (thrown.code === "not_found") return wordsPage(404, OVER);
  if (thrown.code === "conflict") return wordsPage(409, OVER);
  throw thrown;
}
