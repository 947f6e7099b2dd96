import { messageOf } from "@weft/kernel/errors";
import * as z from "zod";
import { loadMarkup, parseMarkup } from "../data/html.ts";
import { retryAfterMs, TRANSIENT_STATUSES } from "../http/retry.ts";
import { refuse } from "../items/items.ts";
import { HTTP_TIMEOUT_MS, MAX_MARKUP, MAX_RULES, MAX_STRING } from "../limits.ts";
import { defineNode, NodeError, type NodeRun } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

const MAX_ENTRIES = 1_000;

const config = z.strictObject({
  /** Template over the inputs. */
  url: z.string().min(1).max(MAX_STRING),
  limit: z.int().min(1).max(MAX_ENTRIES).default(MAX_RULES),
});
type Config = z.output<typeof config>;

async function fetchFeed(run: NodeRun<Config>): Promise<string> {
  const { http } = run.deps;
  if (!http) throw refuse("unavailable", "HTTP requests are not available");
  const text = renderTemplate(run.config.url, run.inputs).trim();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw refuse("invalid_url", "the URL is not an http or https address");
  }
  const answer = await http
    .request({
      method: "GET",
      url: url.href,
      headers: { accept: "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.8" },
      timeoutMs: run.node?.policy.attemptTimeoutMs ?? HTTP_TIMEOUT_MS,
      maxBytes: MAX_MARKUP,
      signal: run.signal,
    })
    .catch((cause: unknown) => {
      if (cause instanceof NodeError || run.signal.aborted) throw cause;
      throw new NodeError("http_failed", `no answer came: ${messageOf(cause)}`, { cause });
    });
  if (answer.status >= 400) {
    const wait = retryAfterMs(answer.headers["retry-after"], run.now());
    throw new NodeError("http_error", `HTTP ${answer.status}`, {
      retryable: TRANSIENT_STATUSES.has(answer.status),
      details: { statusCode: answer.status },
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    });
  }
  return decoded(answer.body, answer.headers["content-type"] ?? "");
}

/** The text in the encoding that the header or the XML declaration names, UTF-8 where neither does. */
function decoded(body: Uint8Array, contentType: string): string {
  const start = Buffer.from(body.subarray(0, 200)).toString("latin1");
  const name =
    /charset="?([\w-]{1,40})/i.exec(contentType)?.[1] ??
    /^[^<]{0,4}<\?xml[^>]*encoding=["']([\w-]{1,40})/.exec(start)?.[1];
  try {
    return new TextDecoder(name ?? "utf-8").decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}

function iso(date: Date | undefined): string | null {
  return date && Number.isFinite(date.getTime()) ? date.toISOString() : null;
}

export const rssRead = defineNode({
  type: "rss_read",
  title: "Read feed",
  description: "Fetches an RSS, RDF or Atom feed and gives its entries.",
  category: "integration",
  config,
  effectful: true,
  timeoutMs: HTTP_TIMEOUT_MS,
  outputs: () => [
    { name: "items", type: { type: "list", items: { type: "object" } } },
    { name: "title", type: { type: "string" } },
    { name: "link", type: { type: "string" } },
    { name: "description", type: { type: "string" } },
  ],
  n8n: ["n8n-nodes-base.rssFeedRead"],
  async run(run) {
    const [text, markup] = await Promise.all([fetchFeed(run), loadMarkup()]);
    const feed = markup.dom.getFeed(parseMarkup(markup, text, true).children);
    if (!feed) throw refuse("invalid_feed", "the answer is no RSS, RDF or Atom feed");
    const items = feed.items.slice(0, run.config.limit).map((item) => ({
      id: item.id ?? null,
      title: item.title ?? "",
      link: item.link ?? null,
      description: item.description ?? "",
      published: iso(item.pubDate),
      media: item.media.map(({ url, type }) => ({ url: url ?? null, type: type ?? null })),
    }));
    return {
      output: { items, title: feed.title ?? "", link: feed.link ?? null, description: feed.description ?? "" },
    };
  },
});
