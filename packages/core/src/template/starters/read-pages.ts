import { computed, draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const readPages: StarterSource = {
  key: "read-pages",
  version: "v1.0.0",
  name: "Read page after page",
  description: "Goes on with the next page until one is not full. Put a request in the place of the step `page`.",
  category: "control-flow",
  tags: ["loop", "pagination"],
  isFeatured: false,
  placeholders: [
    {
      name: "pageSize",
      title: "Records of one page",
      type: "integer",
      targets: [
        { nodeId: "page", path: "config.count" },
        { nodeId: "full", path: "config.branches[0].conditions[0].value" },
      ],
    },
  ],
  exampleInput: { records: [1, 2, 3, 4, 5] },
  workflows: [
    {
      externalId: "main",
      name: "Read page after page",
      canvas: draw(
        [
          start(field("records", "list")),
          node(
            "read",
            "loop",
            "Page after page",
            {
              mode: "infinite",
              variables: ["offset"],
              collect: [
                { name: "pages", ref: "page.items" },
                { name: "count", ref: "read.offset" },
              ],
            },
            [ref("records", "start.records"), { name: "offset", value: 0 }],
            {
              body: draw(
                [
                  node("page", "limit", "One page", { count: 2, skip: { input: "offset" } }, [
                    ref("items", "read.records"),
                    ref("offset", "read.offset"),
                  ]),
                  node(
                    "next",
                    "loop_set_variable",
                    "Where the next begins",
                    { assignments: [{ variable: "offset", input: "offset" }] },
                    [computed("offset", "read.offset + $count(page.items)")],
                  ),
                  node(
                    "full",
                    "selector",
                    "Full?",
                    { branches: [{ conditions: [{ left: "items", operator: "length_gte", value: 2 }] }] },
                    [ref("items", "page.items")],
                  ),
                  node("more", "continue", "Next page", {}),
                  node("last", "break", "That was all", {}),
                ],
                "read>page>next>full:true>more",
                "full:false>last",
              ),
            },
          ),
          end(ref("pages", "read.pages"), ref("count", "read.count")),
        ],
        "start>read>end",
      ),
    },
  ],
};
