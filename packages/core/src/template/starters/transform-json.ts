import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const transformJson: StarterSource = {
  key: "transform-json",
  version: "v1.0.0",
  name: "Transform JSON",
  description: "Reads orders from JSON, keeps those of one status, and gives each with its total, the largest first.",
  category: "data",
  tags: ["json", "jsonata"],
  isFeatured: false,
  placeholders: [
    {
      name: "status",
      title: "Status of the orders that are kept",
      type: "string",
      targets: [{ nodeId: "keep", path: "config.conditions[0].value" }],
    },
  ],
  exampleInput: {
    json: JSON.stringify([
      { id: 1, status: "paid", customer: "ada", lines: [{ price: 2.5, quantity: 4 }] },
      { id: 2, status: "open", customer: "bob", lines: [{ price: 9, quantity: 1 }] },
      {
        id: 3,
        status: "paid",
        customer: "eve",
        lines: [
          { price: 10, quantity: 1 },
          { price: 5, quantity: 2 },
        ],
      },
    ]),
  },
  workflows: [
    {
      externalId: "main",
      name: "Transform JSON",
      canvas: draw(
        [
          start(field("json", "string", { description: "A list of orders as JSON" })),
          node("read", "json_deserialize", "Read", {}, [ref("input", "start.json")], {
            outputs: [field("output", { type: "list", items: "object" })],
          }),
          node(
            "keep",
            "filter",
            "Of this status",
            { conditions: [{ left: "status", operator: "equal", value: "paid" }] },
            [ref("items", "read.output")],
          ),
          node("shape", "set_fields", "New shape", { fields: [{ path: "orders", input: "orders" }] }, [
            {
              name: "orders",
              expression:
                '[keep.items.{"order": id, "customer": $uppercase(customer), "total": $sum(lines.(price * quantity))}]',
            },
          ]),
          node(
            "order",
            "sort",
            "Largest first",
            { by: "fields", fields: [{ path: "total", order: "descending", as: "number" }] },
            [ref("items", "shape.output.orders")],
          ),
          end(ref("orders", "order.items")),
        ],
        "start>read>keep>shape>order>end",
      ),
    },
  ],
};
