import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const checkInBatch: StarterSource = {
  key: "check-in-batch",
  version: "v1.0.0",
  name: "Work through a list and collect what fails",
  description: "Checks and tidies every contact of a list, several at once; those that fail are told, not fatal.",
  category: "control-flow",
  tags: ["batch", "errors"],
  isFeatured: true,
  placeholders: [
    {
      name: "concurrency",
      title: "Contacts at once",
      type: "integer",
      targets: [{ nodeId: "each", path: "config.concurrency" }],
    },
  ],
  exampleInput: {
    contacts: [
      { name: "Ada", email: "Ada@Example.com" },
      { name: "Bob", email: "no address" },
      { name: "Eve", email: "EVE@example.com" },
    ],
  },
  workflows: [
    {
      externalId: "main",
      name: "Check contacts",
      canvas: draw(
        [
          start(field("contacts", { type: "list", items: "object" })),
          node(
            "each",
            "batch",
            "Each contact",
            {
              items: ["contact"],
              concurrency: 5,
              onItemError: "remove",
              collect: [{ name: "contacts", ref: "tidy.output" }],
            },
            [ref("contact", "start.contacts")],
            {
              body: draw(
                [
                  node(
                    "check",
                    "check_parameters",
                    "Has an address",
                    { rules: [{ input: "email", required: true, format: "email" }] },
                    [ref("email", "each.contact.email")],
                  ),
                  node("tidy", "set_fields", "Tidy", { base: "contact", fields: [{ path: "email", input: "email" }] }, [
                    ref("contact", "each.contact"),
                    { name: "email", expression: "$lowercase($trim(each.contact.email))" },
                  ]),
                ],
                "each>check>tidy>each",
              ),
            },
          ),
          end(ref("contacts", "each.contacts"), ref("failed", "each.errors")),
        ],
        "start>each>end",
      ),
    },
  ],
};
