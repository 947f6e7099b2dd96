import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

const DAY_MS = 86_400_000;

const said = (id: string, label: string, template: string) =>
  node(id, "text", label, { method: "concat", template }, []);

export const approveSpending: StarterSource = {
  key: "approve-spending",
  version: "v1.0.0",
  name: "Approve spending, with a deadline",
  description: "Lets small amounts through, asks people about the others, and refuses what nobody decides in time.",
  category: "human-review",
  tags: ["approval", "timeout"],
  isFeatured: true,
  placeholders: [
    {
      name: "limit",
      title: "Largest amount that needs nobody",
      type: "number",
      targets: [{ nodeId: "small", path: "config.branches[0].conditions[0].value" }],
    },
    {
      name: "timeoutMs",
      title: "Milliseconds until a request is refused",
      type: "integer",
      targets: [{ nodeId: "ask", path: "config.timeoutMs" }],
    },
    {
      name: "approvers",
      title: "Who is asked",
      description: "User ids or e-mail addresses of members, or roles; nobody named means whoever may run workflows.",
      type: "list",
      targets: [{ nodeId: "ask", path: "config.approvers" }],
    },
  ],
  exampleInput: { purpose: "A new keyboard", amount: 80 },
  workflows: [
    {
      externalId: "main",
      name: "Approve spending",
      canvas: draw(
        [
          start(field("purpose", "string"), field("amount", "number")),
          node(
            "small",
            "selector",
            "Small amount?",
            { branches: [{ conditions: [{ left: "amount", operator: "lte", value: 100 }] }] },
            [ref("amount", "start.amount")],
          ),
          said("automatic", "Let through", "approved automatically"),
          node(
            "ask",
            "approval",
            "Ask",
            { title: "{{purpose}}", message: "{{purpose}} costs {{amount}}.", approvers: [], timeoutMs: DAY_MS },
            [ref("purpose", "start.purpose"), ref("amount", "start.amount")],
          ),
          said("yes", "Approved", "approved"),
          said("no", "Rejected", "rejected"),
          said("late", "Nobody decided", "refused: nobody decided in time"),
          node(
            "decision",
            "variable_aggregator",
            "The decision",
            { groups: [{ name: "text", inputs: ["automatic", "yes", "no", "late"] }] },
            ["automatic", "yes", "no", "late"].map((name) => ref(name, `${name}.output`)),
          ),
          end(ref("decision", "decision.text"), ref("comment", "ask.comment")),
        ],
        "start>small:true>automatic>decision",
        "small:false>ask:approved>yes>decision",
        "ask:rejected>no>decision",
        "ask:timeout>late>decision>end",
      ),
    },
  ],
};
