import type { Document, Element } from "domhandler";
import * as z from "zod";
import { finder, loadMarkup, type Markup, parseMarkup } from "../data/html.ts";
import { memberName } from "../items/items.ts";
import { MAX_ITEMS, MAX_RULES } from "../limits.ts";
import { defineNode, type NodeDone } from "../node.ts";
import { toText } from "../values/convert.ts";
import { setOwn } from "../values/json.ts";

const MAX_SELECTOR = 500;
const SPACE = /\s+/g;

const config = z.strictObject({
  /** The input that holds the HTML. */
  input: z.string().min(1).max(128).default("html"),
  values: z
    .array(
      z.strictObject({
        name: memberName,
        selector: z.string().min(1).max(MAX_SELECTOR),
        give: z.enum(["text", "html", "attribute", "value"]).default("text"),
        attribute: z.string().max(128).default(""),
        /** Every element that is found, as a list; else the first one, or null. */
        all: z.boolean().default(false),
        /** Runs of white space as one space, none at the ends. */
        trim: z.boolean().default(true),
      }),
    )
    .min(1)
    .max(MAX_RULES),
});
type Config = z.output<typeof config>;
type Wanted = Config["values"][number];

async function writer(): Promise<(element: Element) => string> {
  const { render } = await import("dom-serializer");
  return (element) => render(element.children, { encodeEntities: "utf8" });
}

function give(
  // biome-ignore lint/performance/useDomNodeTextContent: the parser's tree, which is never laid out; it leaves scripts out
  { dom: { innerText, textContent } }: Markup,
  element: Element,
  wanted: Wanted,
  write: (element: Element) => string,
): string | null {
  switch (wanted.give) {
    case "html":
      return write(element);
    case "attribute":
      return Object.hasOwn(element.attribs, wanted.attribute) ? (element.attribs[wanted.attribute] ?? null) : null;
    case "value":
      return Object.hasOwn(element.attribs, "value") ? (element.attribs.value ?? null) : textContent(element);
    case "text":
      return innerText(element);
  }
}

function extract(
  markup: Markup,
  root: Document,
  values: readonly Wanted[],
  write: (element: Element) => string,
): NodeDone {
  const find = finder(markup);
  const output: Record<string, unknown> = {};
  for (const wanted of values) {
    const found = find(wanted.selector, root).slice(0, wanted.all ? MAX_ITEMS : 1);
    const texts = found.map((element) => {
      const text = give(markup, element, wanted, write);
      return text !== null && wanted.trim ? text.replace(SPACE, " ").trim() : text;
    });
    setOwn(output, wanted.name, wanted.all ? texts : (texts[0] ?? null));
  }
  return { output };
}

export const htmlExtract = defineNode({
  type: "html_extract",
  title: "Extract from HTML",
  description: "Finds elements of an HTML text by CSS selectors and gives their text, HTML or attributes.",
  category: "data",
  config,
  effectful: true,
  outputs: ({ values }) =>
    values.map(({ name, all }) => ({
      name,
      type: all ? { type: "list" as const, items: { type: "string" as const } } : { type: "string" as const },
    })),
  uses: ({ input }) => [input],
  check: ({ values }) =>
    values.flatMap(({ name, give, attribute }, at) => [
      ...(give === "attribute" && attribute === ""
        ? [{ path: `values.${at}.attribute`, message: "say which attribute" }]
        : []),
      ...(values.findIndex((other) => other.name === name) < at
        ? [{ path: `values.${at}.name`, message: `there are two values "${name}"` }]
        : []),
    ]),
  n8n: ["n8n-nodes-base.html:extractHtmlContent", "n8n-nodes-base.htmlExtract"],
  async run({ config, inputs }) {
    const [markup, write] = await Promise.all([loadMarkup(), writer()]);
    return extract(markup, parseMarkup(markup, toText(inputs[config.input])), config.values, write);
  },
});
