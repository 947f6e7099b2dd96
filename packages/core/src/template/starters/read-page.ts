import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const readPage: StarterSource = {
  key: "read-page",
  version: "v1.0.0",
  name: "Web page to Markdown",
  description: "Takes title, links and the article out of a page's HTML and gives the article as Markdown.",
  category: "text",
  tags: ["html", "markdown", "extract"],
  isFeatured: false,
  placeholders: [
    {
      name: "article",
      title: "CSS selector of the article",
      type: "string",
      targets: [{ nodeId: "take", path: "config.values[1].selector" }],
    },
  ],
  exampleInput: {
    html:
      "<html><body><h1>Tea</h1><nav><a href='/'>Home</a></nav><article><h2>Green</h2>" +
      "<p>Steep for <b>two</b> minutes. <a href='https://example.com/tea'>More</a></p></article></body></html>",
  },
  workflows: [
    {
      externalId: "main",
      name: "Web page to Markdown",
      canvas: draw(
        [
          start(field("html", "string")),
          node(
            "take",
            "html_extract",
            "Take out",
            {
              values: [
                { name: "title", selector: "h1" },
                { name: "article", selector: "article", give: "html" },
                { name: "links", selector: "article a", give: "attribute", attribute: "href", all: true },
              ],
            },
            [ref("html", "start.html")],
          ),
          node("write", "markdown", "As Markdown", { mode: "from_html" }, [ref("text", "take.article")]),
          end(ref("title", "take.title"), ref("markdown", "write.output"), ref("links", "take.links")),
        ],
        "start>take>write>end",
      ),
    },
  ],
};
