import type { CanvasInput } from "../canvas.ts";
import { record, records, text } from "../import/builder.ts";
import type { NodeContext, Piece } from "./context.ts";
import { fixed, type Mapper, pass, quote } from "./parameters.ts";

/** Items that are worked on side by side where nothing leaves the space. */
export const ITEM_CONCURRENCY = 10;

/** The first version whose texts are laid out as a page is, with links and lists. */
const LAID_OUT = 1.2;

/** An item's member as the input of a turn. */
function memberInput(context: NodeContext, name: string, member: unknown): CanvasInput {
  const path = quote(text(member)?.replace(/^=(?!.*\{\{)/, "") ?? "data");
  return { name, expression: context.turnExpression(`$items_read($json, ${path})`) };
}

function extraction(context: NodeContext): Piece {
  const { parameters, version, type } = context.node;
  if (parameters.sourceData === "binary") context.notes.block("HTML of a file beside the item is not read");
  const options = record(parameters.options);
  const rules = records(record(parameters.extractionValues).values).map((value, at) => {
    const key = text(value.key) ?? "";
    const how = text(value.returnValue) ?? "text";
    const selector = (text(value.cssSelector) ?? "").replace(/^=(?!.*\{\{)/, "");
    if (selector.startsWith("=") || key.startsWith("=")) context.notes.block("a selector or a name is computed");
    if (text(value.skipSelectors)) context.notes.block("elements that are skipped have no counterpart");
    return {
      key,
      how,
      selector,
      name: `v${at}`,
      isList: value.returnArray === true,
      attribute: text(value.attribute) ?? "",
    };
  });
  if (type.endsWith(".html") && version >= LAID_OUT && rules.some(({ how }) => how === "text"))
    context.notes.change("texts are given as they stand, without n8n's layout of headings, lists and lines");
  const values = rules.map(({ name, how, selector, attribute }) => ({
    ...{ name, selector: selector || "*", all: true, trim: false },
    ...(how === "attribute"
      ? { give: "attribute", attribute }
      : { give: ["html", "value"].includes(how) ? how : "text" }),
  }));
  const trims = options.trimValues !== false && (type.endsWith("htmlExtract") || options.trimValues === true);
  const members = quote(rules.map(({ key, how, isList, name }) => ({ key, name, isList, isJoined: how === "text" })));
  const read = `[$items_extracted(result, ${members}, ${trims}, ${options.cleanUpText === true})]`;
  const source = memberInput(context, "html", parameters.dataPropertyName ?? "data");
  return context.perItem({
    type: "html_extract",
    data: { config: { values }, inputs: [source] },
    read,
    concurrency: ITEM_CONCURRENCY,
  });
}

export const html: Mapper = (context) => {
  const { parameters, type } = context.node;
  const operation = type.endsWith(".htmlExtract")
    ? "extractHtmlContent"
    : (text(parameters.operation) ?? "generateHtmlTemplate");
  switch (operation) {
    case "extractHtmlContent":
      return extraction(context);
    case "generateHtmlTemplate": {
      const given = text(parameters.html) ?? "";
      // The template is an expression whether it begins like one or not.
      const value = context.jsonata(given.startsWith("=") ? given : `=${given}`, "html");
      return context.transform([context.each(`{"html": ${value}}`)]);
    }
    default:
      context.notes.block(`the operation "${operation}" has no counterpart`);
      return pass(context);
  }
};

export const markdown: Mapper = (context) => {
  const { parameters } = context.node;
  const isHtml = (text(parameters.mode) ?? "htmlToMarkdown") === "htmlToMarkdown";
  const key = quote(fixed(context, "destinationKey", "data"));
  if (Object.keys(record(parameters.options)).length > 0)
    context.notes.change("options of the conversion are left out");
  const inputs = [
    context.turnInput("text", isHtml ? parameters.html : parameters.markdown, isHtml ? "html" : "markdown", "string"),
  ];
  return context.perItem({
    type: "markdown",
    data: { config: { mode: isHtml ? "from_html" : "to_html" }, inputs },
    read: `[$items_set(json, ${key}, result.output, false)]`,
    concurrency: ITEM_CONCURRENCY,
  });
};

export const xml: Mapper = (context) => {
  const { parameters } = context.node;
  const options = record(parameters.options);
  const property = text(fixed(context, "dataPropertyName", "data")) ?? "data";
  if (parameters.mode === "jsonToxml") {
    context.notes.change("attributes are the members that begin with @");
    const root = text(options.rootName) ?? "root";
    const inputs = [{ name: "data", ref: `${context.id}.item` }];
    const config = { mode: "build", root, declaration: options.headless !== true };
    const read = `[$items_set({}, ${quote(property)}, result.output, false)]`;
    return context.perItem({ type: "xml", data: { config, inputs }, read, concurrency: ITEM_CONCURRENCY });
  }
  if (options.mergeAttrs === false || options.explicitArray === true || options.normalizeTags === true)
    context.notes.change(
      "an element is read as a member, its attributes beside its content, lists where it is repeated",
    );
  const config = {
    mode: "parse",
    attributePrefix: text(options.attrkey) ? "@" : "",
    textName: text(options.charkey) ?? "_",
    alwaysList: options.explicitArray === true,
    trim: options.trim === true,
    attributes: options.ignoreAttrs !== true,
  };
  const inputs = [memberInput(context, "data", property)];
  return context.perItem({
    type: "xml",
    data: { config, inputs },
    read: "[result.output]",
    concurrency: ITEM_CONCURRENCY,
  });
};

export const feed: Mapper = (context) => {
  const { parameters } = context.node;
  const inputs = [context.turnInput("url", parameters.url, "url", "string")];
  const entry =
    '{"title": $v.title, "link": $v.link, "pubDate": $v.published, "isoDate": $v.published, "content": $v.description, "contentSnippet": $v.description, "guid": $v.id}';
  context.notes.change("an entry has title, link, pubDate, isoDate, content, contentSnippet and guid");
  return context.perItem({
    type: "rss_read",
    data: { config: { url: "{{url}}", limit: 1_000 }, inputs },
    read: `$js_map(result.items, function($v){ ${entry} })`,
    concurrency: ITEM_CONCURRENCY,
  });
};
