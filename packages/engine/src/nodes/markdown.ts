import * as z from "zod";
import { loadMarkup, parseMarkup } from "../data/html.ts";
import { toMarkdown } from "../data/html-markdown.ts";
import { refuse } from "../items/items.ts";
import { MAX_MARKUP } from "../limits.ts";
import { defineNode } from "../node.ts";
import { toText } from "../values/convert.ts";

/** Blocks inside blocks; beyond it Markdown is plain text. */
const MAX_MARKDOWN_NESTING = 50;

const input = z.string().min(1).max(128).default("text");
const config = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("to_html"),
    input,
    /** Addresses in the text become links. */
    linkify: z.boolean().default(false),
    /** Each line end is one in the HTML too. */
    breaks: z.boolean().default(false),
  }),
  z.strictObject({ mode: z.literal("from_html"), input }),
]);
type ToHtml = Extract<z.output<typeof config>, { mode: "to_html" }>;

async function html(text: string, { linkify, breaks }: ToHtml): Promise<string> {
  if (text.length > MAX_MARKUP) throw refuse("too_large", `a text has at most ${MAX_MARKUP} characters`);
  const { default: MarkdownIt } = await import("markdown-it");
  // HTML in the text is shown, never passed through: what this gives may be put into a page.
  return new MarkdownIt({ html: false, linkify, breaks, maxNesting: MAX_MARKDOWN_NESTING }).render(text);
}

export const markdown = defineNode({
  type: "markdown",
  title: "Markdown",
  description: "Turns Markdown into safe HTML, or HTML into Markdown.",
  category: "text",
  config,
  effectful: true,
  outputs: () => [{ name: "output", type: { type: "string" } }],
  uses: ({ input }) => [input],
  n8n: ["n8n-nodes-base.markdown"],
  async run({ config, inputs }) {
    const text = toText(inputs[config.input]);
    if (config.mode === "to_html") return { output: { output: await html(text, config) } };
    return { output: { output: toMarkdown(parseMarkup(await loadMarkup(), text)) } };
  },
});
