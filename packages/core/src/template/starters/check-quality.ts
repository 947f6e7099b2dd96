import { computed, draw, end, field, node, ref, type StarterSource, settings, start } from "./draw.ts";

const said = (id: string, label: string, template: string) =>
  node(id, "text", label, { method: "concat", template }, [ref("bad", "share.output.bad")]);

export const checkQuality: StarterSource = {
  key: "check-quality",
  version: "v1.0.0",
  name: "Check the quality of data",
  description: "Sets incomplete rows apart, and lets the data through only where they are few.",
  category: "data",
  tags: ["quality", "branch"],
  isFeatured: false,
  placeholders: [
    {
      name: "tolerance",
      title: "Share of bad rows that is let through",
      description: "From 0 to 1.",
      type: "number",
      targets: [{ nodeId: "settings", path: "config.fields[0].value" }],
    },
  ],
  exampleInput: {
    rows: [{ id: 1, price: 10 }, { id: 2, price: "?" }, { id: 3, price: 12 }, { price: 9 }],
  },
  workflows: [
    {
      externalId: "main",
      name: "Check the quality of data",
      canvas: draw(
        [
          start(field("rows", { type: "list", items: "object" })),
          settings({ tolerance: 0.1 }),
          node(
            "check",
            "filter",
            "Complete rows",
            {
              conditions: [
                { left: "id", operator: "exists" },
                { left: "price", operator: "is_number" },
              ],
            },
            [ref("items", "start.rows")],
          ),
          node(
            "share",
            "set_fields",
            "How many are bad",
            {
              fields: [
                { path: "bad", input: "bad" },
                { path: "share", input: "share" },
              ],
            },
            [
              computed("bad", "$count(check.rejected)"),
              computed("share", "$count(start.rows) = 0 ? 0 : $count(check.rejected) / $count(start.rows)"),
            ],
          ),
          node(
            "few",
            "selector",
            "Few enough?",
            { branches: [{ conditions: [{ left: "share", operator: "lte", right: "tolerance" }] }] },
            [ref("share", "share.output.share"), ref("tolerance", "settings.output.tolerance")],
          ),
          said("pass", "Passed", "passed, with {{bad}} rows left out"),
          said("fail", "Failed", "failed: {{bad}} rows are bad"),
          node(
            "verdict",
            "variable_aggregator",
            "The verdict",
            { groups: [{ name: "text", inputs: ["pass", "fail"] }] },
            [ref("pass", "pass.output"), ref("fail", "fail.output")],
          ),
          end(ref("verdict", "verdict.text"), ref("rows", "check.items"), ref("bad", "check.rejected")),
        ],
        "start>settings>check>share>few:true>pass>verdict",
        "few:false>fail>verdict>end",
      ),
    },
  ],
};
