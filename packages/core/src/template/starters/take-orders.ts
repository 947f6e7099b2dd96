import { computed, draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const takeOrders: StarterSource = {
  key: "take-orders",
  version: "v1.0.0",
  name: "Take orders by webhook",
  description: "Checks an order, answers its sender with a receipt or with what is wrong, and gives it on.",
  category: "integration",
  tags: ["webhook", "validation"],
  isFeatured: true,
  placeholders: [
    {
      name: "maxLines",
      title: "Most lines of one order",
      type: "integer",
      targets: [{ nodeId: "check", path: "config.rules[1].maxLength" }],
    },
  ],
  exampleInput: {
    order: {
      number: "A-17",
      email: "ada@example.com",
      lines: [
        { item: "pen", price: 1.5, quantity: 4 },
        { item: "pad", price: 3, quantity: 2 },
      ],
    },
  },
  workflows: [
    {
      externalId: "main",
      name: "Take orders",
      canvas: draw(
        [
          start(field("order", "object")),
          node(
            "check",
            "check_parameters",
            "A good order?",
            {
              onInvalid: "branch",
              rules: [
                { input: "email", required: true, format: "email" },
                { input: "lines", required: true, type: "list", minLength: 1, maxLength: 100 },
              ],
            },
            [ref("email", "start.order.email"), ref("lines", "start.order.lines")],
          ),
          node(
            "receipt",
            "set_fields",
            "Receipt",
            {
              fields: [
                { path: "number", input: "number" },
                { path: "total", input: "total" },
              ],
            },
            [
              ref("number", "start.order.number"),
              computed("total", "$round($sum(start.order.lines.(price * quantity)), 2)"),
            ],
          ),
          node("accept", "respond_to_webhook", "Accept", { status: 201, body: { type: "json", input: "receipt" } }, [
            ref("receipt", "receipt.output"),
          ]),
          node("refuse", "respond_to_webhook", "Refuse", { status: 400, body: { type: "json", input: "errors" } }, [
            ref("errors", "check.errors"),
          ]),
          end(ref("accepted", "check.valid"), ref("receipt", "receipt.output"), ref("errors", "check.errors")),
        ],
        "start>check:valid>receipt>accept>end",
        "check:invalid>refuse>end",
      ),
    },
  ],
};
