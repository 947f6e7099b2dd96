import { computed, draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const keepFiles: StarterSource = {
  key: "keep-files",
  version: "v1.0.0",
  name: "Write and read a file",
  description: "Writes rows as a CSV file of the space, reads it back, and proves by its hash what it holds.",
  category: "files",
  tags: ["file", "csv", "hash"],
  isFeatured: false,
  placeholders: [
    {
      name: "file",
      title: "Key of the file",
      description: "{{name}} stands for the name that a run is given.",
      type: "string",
      targets: [{ nodeId: "write", path: "config.to.key" }],
    },
  ],
  exampleInput: {
    name: "may",
    rows: [
      { item: "pen", count: 4 },
      { item: "pad", count: 2 },
    ],
  },
  workflows: [
    {
      externalId: "main",
      name: "Write and read a file",
      canvas: draw(
        [
          start(field("name", "string"), field("rows", { type: "list", items: "object" })),
          node(
            "write",
            "csv",
            "Write",
            { mode: "write", newline: "\n", to: { as: "file", key: "reports/{{name}}.csv" } },
            [ref("name", "start.name"), ref("items", "start.rows")],
          ),
          node("read", "file_read", "Read", { key: "{{key}}" }, [ref("key", "write.output")]),
          node("hash", "crypto", "Hash", { operation: "hash", input: "content" }, [ref("content", "read.content")]),
          node("rows", "csv", "Its rows", { mode: "parse", types: "auto" }, [ref("data", "read.content")]),
          end(
            ref("file", "read.key"),
            ref("size", "read.size"),
            ref("sha256", "hash.output"),
            computed("rows", "$count(rows.items)"),
          ),
        ],
        "start>write>read>hash>rows>end",
      ),
    },
  ],
};
