import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

const rule = (name: string, pattern: string) => ({
  name,
  logic: "or",
  conditions: ["subject", "body"].map((left) => ({ left, operator: "matches", value: pattern, ignoreCase: true })),
});
const pattern = (name: string, title: string, at: number) => ({
  name,
  title,
  type: "string" as const,
  targets: [0, 1].map((side) => ({ nodeId: "route", path: `config.rules[${at}].conditions[${side}].value` })),
});

export const sortTickets: StarterSource = {
  key: "sort-tickets",
  version: "v1.0.0",
  name: "Sort tickets into queues",
  description: "Finds the queue of a support ticket by words in its subject and body, and says how urgent it is.",
  category: "support",
  tags: ["switch", "rules", "routing"],
  isFeatured: false,
  placeholders: [
    pattern("billing", "Words of billing, as a regular expression", 0),
    pattern("outage", "Words of an outage, as a regular expression", 1),
  ],
  exampleInput: { subject: "Nothing loads", body: "The whole site is DOWN since nine." },
  workflows: [
    {
      externalId: "main",
      name: "Sort tickets",
      canvas: draw(
        [
          start(field("subject", "string"), field("body", "string")),
          node(
            "route",
            "switch",
            "Which queue?",
            {
              mode: "rules",
              rules: [
                rule("billing", "\\b(invoices?|refunds?|charged?|payments?)\\b"),
                rule("outage", "\\b(down|outage|unreachable|error 50\\d)\\b"),
              ],
            },
            [ref("subject", "start.subject"), ref("body", "start.body")],
          ),
          node("billing", "set_fields", "Billing", {
            fields: [
              { path: "queue", value: "billing" },
              { path: "priority", value: 2 },
            ],
          }),
          node("outage", "set_fields", "Outage", {
            fields: [
              { path: "queue", value: "operations" },
              { path: "priority", value: 1 },
            ],
          }),
          node("general", "set_fields", "General", {
            fields: [
              { path: "queue", value: "general" },
              { path: "priority", value: 3 },
            ],
          }),
          node(
            "ticket",
            "variable_aggregator",
            "The ticket",
            { groups: [{ name: "route", inputs: ["billing", "outage", "general"] }] },
            ["billing", "outage", "general"].map((name) => ref(name, `${name}.output`)),
          ),
          end(ref("queue", "ticket.route.queue"), ref("priority", "ticket.route.priority")),
        ],
        "start>route:case_0>billing>ticket",
        "route:case_1>outage>ticket",
        "route:default>general>ticket>end",
      ),
    },
  ],
};
