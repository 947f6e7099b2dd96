import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

const people = { type: "list" as const, items: "object" as const };

export const mergeLists: StarterSource = {
  key: "merge-lists",
  version: "v1.0.0",
  name: "Merge two lists",
  description: "Joins two lists by a key, newer fields over older ones, and says what is new, gone and different.",
  category: "data",
  tags: ["merge", "deduplicate", "compare"],
  isFeatured: false,
  placeholders: [
    {
      name: "key",
      title: "Field that tells records apart",
      type: "string",
      targets: [
        { nodeId: "compare", path: "config.keys[0].left" },
        { nodeId: "compare", path: "config.keys[0].right" },
        { nodeId: "join", path: "config.keys[0].left" },
        { nodeId: "join", path: "config.keys[0].right" },
        { nodeId: "unique", path: "config.fields[0]" },
        { nodeId: "order", path: "config.fields[0].path" },
      ],
    },
  ],
  exampleInput: {
    older: [
      { id: 2, name: "Bob", city: "Bonn" },
      { id: 1, name: "Ada" },
      { id: 4, name: "Kim" },
    ],
    newer: [
      { id: 2, name: "Bob", city: "Kiel" },
      { id: 3, name: "Eve" },
      { id: 3, name: "Eve" },
      { id: 4, name: "Kim" },
    ],
  },
  workflows: [
    {
      externalId: "main",
      name: "Merge two lists",
      canvas: draw(
        [
          start(field("older", people), field("newer", people)),
          node("compare", "compare_datasets", "What changed", { keys: [{ left: "id", right: "id" }] }, [
            ref("left", "start.older"),
            ref("right", "start.newer"),
          ]),
          node(
            "join",
            "merge",
            "Join",
            {
              mode: "by_key",
              inputs: ["older", "newer"],
              keys: [{ left: "id", right: "id" }],
              join: "outer",
              prefer: "right",
            },
            [ref("older", "start.older"), ref("newer", "start.newer")],
          ),
          node("unique", "remove_duplicates", "Each once", { compare: "fields", fields: ["id"] }, [
            ref("items", "join.items"),
          ]),
          node("order", "sort", "In order", { by: "fields", fields: [{ path: "id" }] }, [ref("items", "unique.items")]),
          end(
            ref("records", "order.items"),
            ref("gone", "compare.onlyLeft"),
            ref("added", "compare.onlyRight"),
            ref("changed", "compare.different"),
          ),
        ],
        "start>compare>join>unique>order>end",
      ),
    },
  ],
};
