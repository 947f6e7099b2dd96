import * as OAuth from "@weft/core/credential/credential.oauth";
import { log } from "@weft/http/log";
import { type Reply, text } from "@weft/http/reply";
import { errorLog } from "@weft/http/respond";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { credentialDeps } from "../outbound.ts";

/** A page of words alone; the address, which holds a code, goes to nobody. */
const HEADERS = {
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

/** Whatever came of it, the person sees which of these it was, and nothing that came in the address. */
const WORDS: Readonly<Record<string, string>> = {
  done: "Connected. You may close this window.",
  invalid_input: "This link is not valid, or not any longer. Ask for a new one.",
  forbidden: "You may not do this any more.",
  upstream: "The other side did not agree. Nothing was connected.",
};

/** Takes a person's consent and says how it went, as a page. */
export async function callback(ctx: Ctx, query: OAuth.Callback): Promise<Reply<never>> {
  try {
    await OAuth.complete(ctx, credentialDeps, query);
    return page(200, WORDS.done as string);
  } catch (thrown) {
    const isKnown = thrown instanceof AppError && thrown.status !== 500;
    if (!isKnown) throw thrown;
    log.info("a consent was not taken", { requestId: ctx.requestId, error: errorLog(thrown) });
    return page(thrown.status, WORDS[thrown.code] ?? "It did not work. Try again.");
  }
}

function page(status: number, words: string): Reply<never> {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Weft</title><p>${words}</p></html>\n`;
  return text(html, "text/html; charset=utf-8", { status, headers: HEADERS });
}
