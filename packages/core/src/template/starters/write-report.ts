import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

const TEMPLATE = `# {{ title }}

| {{ group }} | sales | total |
| --- | ---: | ---: |
{% for row in rows -%}
| {{ row[group] }} | {{ row.sales }} | {{ row.total }} |
{% endfor %}`;

export const writeReport: StarterSource = {
  key: "write-report",
  version: "v1.0.0",
  name: "Report from a table",
  description: "Sums sales by group and writes the report as Markdown and as HTML.",
  category: "reporting",
  tags: ["markdown", "html", "summary"],
  isFeatured: true,
  placeholders: [
    {
      name: "groupBy",
      title: "Field by which sales are grouped",
      type: "string",
      targets: [
        { nodeId: "sum", path: "config.groupBy[0]" },
        { nodeId: "write", path: "inputs[1].value" },
      ],
    },
    {
      name: "amount",
      title: "Field that is summed",
      type: "string",
      targets: [
        { nodeId: "sum", path: "config.fields[0].path" },
        { nodeId: "sum", path: "config.fields[1].path" },
      ],
    },
  ],
  exampleInput: {
    title: "Sales",
    sales: [
      { region: "North", amount: 20 },
      { region: "South", amount: 50 },
      { region: "North", amount: 15 },
    ],
  },
  workflows: [
    {
      externalId: "main",
      name: "Report from a table",
      canvas: draw(
        [
          start(field("title", "string"), field("sales", { type: "list", items: "object" })),
          node(
            "sum",
            "aggregate",
            "Sum by group",
            {
              mode: "summarize",
              groupBy: ["region"],
              fields: [
                { path: "amount", how: "sum", name: "total" },
                { path: "amount", how: "count", name: "sales" },
              ],
            },
            [ref("items", "start.sales")],
          ),
          node("order", "sort", "Most first", { by: "fields", fields: [{ path: "total", order: "descending" }] }, [
            ref("items", "sum.items"),
          ]),
          node("write", "template", "Write", { template: TEMPLATE }, [
            ref("title", "start.title"),
            { name: "group", value: "region" },
            ref("rows", "order.items"),
          ]),
          node("page", "markdown", "As HTML", { mode: "to_html" }, [ref("text", "write.output")]),
          end(ref("markdown", "write.output"), ref("html", "page.output")),
        ],
        "start>sum>order>write>page>end",
      ),
    },
  ],
};
