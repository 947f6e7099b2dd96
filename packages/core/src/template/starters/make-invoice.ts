import { computed, draw, end, field, node, ref, type StarterSource, settings, start } from "./draw.ts";

const TEMPLATE = `Invoice for {{ customer }}
{% for line in lines %}
{{ line.quantity }} x {{ line.item }} at {{ line.price }} {{ currency }}
{%- endfor %}

Net {{ amounts.net }} {{ currency }}
Tax {{ amounts.tax }} {{ currency }} ({{ taxPercent }} %)
Total {{ amounts.gross }} {{ currency }}
`;
const NET = "$round($sum(start.lines.(price * quantity)), 2)";
const TAX = `$round(${NET} * settings.output.taxPercent / 100, 2)`;

export const makeInvoice: StarterSource = {
  key: "make-invoice",
  version: "v1.0.0",
  name: "Calculate an invoice",
  description: "Net, tax and total of the lines of an invoice, and its text.",
  category: "finance",
  tags: ["invoice", "calculation"],
  isFeatured: true,
  placeholders: [
    {
      name: "taxPercent",
      title: "Tax in percent",
      type: "number",
      targets: [{ nodeId: "settings", path: "config.fields[0].value" }],
    },
    {
      name: "currency",
      title: "Currency",
      type: "string",
      options: ["EUR", "USD", "GBP", "CHF", "CNY", "JPY"],
      targets: [{ nodeId: "settings", path: "config.fields[1].value" }],
    },
  ],
  exampleInput: {
    customer: "Ada Lovelace",
    lines: [
      { item: "Desk", price: 120, quantity: 1 },
      { item: "Chair", price: 45.5, quantity: 2 },
    ],
  },
  workflows: [
    {
      externalId: "main",
      name: "Calculate an invoice",
      canvas: draw(
        [
          start(field("customer", "string"), field("lines", { type: "list", items: "object" })),
          settings({ taxPercent: 20, currency: "EUR" }),
          node(
            "amounts",
            "set_fields",
            "Amounts",
            { fields: ["net", "tax", "gross"].map((name) => ({ path: name, input: name })) },
            [computed("net", NET), computed("tax", TAX), computed("gross", `$round(${NET} + ${TAX}, 2)`)],
          ),
          node("write", "template", "Write", { template: TEMPLATE }, [
            ref("customer", "start.customer"),
            ref("lines", "start.lines"),
            ref("amounts", "amounts.output"),
            ref("taxPercent", "settings.output.taxPercent"),
            ref("currency", "settings.output.currency"),
          ]),
          end(ref("amounts", "amounts.output"), ref("text", "write.output")),
        ],
        "start>settings>amounts>write>end",
      ),
    },
  ],
};
