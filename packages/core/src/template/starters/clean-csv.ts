import { computed, draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const cleanCsv: StarterSource = {
  key: "clean-csv",
  version: "v1.0.0",
  name: "Clean up a CSV file",
  description: "Trims the cells of a CSV text, drops repeated rows and rows without a key, and writes it anew.",
  category: "data",
  tags: ["csv", "cleaning"],
  isFeatured: true,
  placeholders: [
    {
      name: "keyColumn",
      title: "Column that tells rows apart",
      type: "string",
      targets: [
        { nodeId: "unique", path: "config.fields[0]" },
        { nodeId: "keep", path: "config.conditions[0].left" },
      ],
    },
    {
      name: "delimiter",
      title: "Delimiter of the result",
      type: "string",
      options: [",", ";", "|"],
      targets: [{ nodeId: "write", path: "config.delimiter" }],
    },
  ],
  exampleInput: { csv: "name,email\n Ada , ada@example.com\nGrace,grace@example.com\nAda,ada@example.com\nNobody,\n" },
  workflows: [
    {
      externalId: "main",
      name: "Clean up a CSV file",
      canvas: draw(
        [
          start(field("csv", "string", { description: "The file as text" })),
          node("read", "csv", "Read", { mode: "parse", trim: true }, [ref("data", "start.csv")]),
          node("keep", "filter", "Has a key", { conditions: [{ left: "email", operator: "not_empty" }] }, [
            ref("items", "read.items"),
          ]),
          node("unique", "remove_duplicates", "Each key once", { compare: "fields", fields: ["email"] }, [
            ref("items", "keep.items"),
          ]),
          node("write", "csv", "Write", { mode: "write", delimiter: ",", newline: "\n" }, [
            ref("items", "unique.items"),
          ]),
          end(
            ref("csv", "write.output"),
            computed("kept", "$count(unique.items)"),
            computed("dropped", "$count(keep.rejected) + $count(unique.duplicates)"),
          ),
        ],
        "start>read>keep>unique>write>end",
      ),
    },
  ],
};
