import { computed, draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

const TEMPLATE = `# {{ title }}
{% for item in items %}
- [{{ item.title }}]({{ item.link }})
{%- endfor %}
`;

export const digestFeed: StarterSource = {
  key: "digest-feed",
  version: "v1.0.0",
  name: "Digest of an RSS feed",
  description: "Makes a Markdown list of the first entries of a feed that is given as XML.",
  category: "text",
  tags: ["rss", "xml", "digest"],
  isFeatured: false,
  placeholders: [
    {
      name: "entries",
      title: "Entries in the digest",
      type: "integer",
      targets: [{ nodeId: "first", path: "config.count" }],
    },
  ],
  exampleInput: {
    feed:
      '<?xml version="1.0"?><rss version="2.0"><channel><title>Weather</title>' +
      "<item><title>Rain &amp; wind</title><link>https://example.com/1</link></item>" +
      "<item><title>Sun</title><link>https://example.com/2</link></item></channel></rss>",
  },
  workflows: [
    {
      externalId: "main",
      name: "Digest of a feed",
      canvas: draw(
        [
          start(field("feed", "string", { description: "RSS 2.0 as XML" })),
          node("read", "xml", "Read", { mode: "parse" }, [ref("data", "start.feed")]),
          node("first", "limit", "The first entries", { count: 10 }, [ref("items", "read.output.rss.channel.item")]),
          node("write", "template", "Write", { template: TEMPLATE }, [
            ref("title", "read.output.rss.channel.title"),
            ref("items", "first.items"),
          ]),
          end(ref("markdown", "write.output"), computed("entries", "$count(first.items)")),
        ],
        "start>read>first>write>end",
      ),
    },
  ],
};
