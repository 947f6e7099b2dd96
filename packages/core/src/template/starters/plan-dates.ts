import { computed, draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

export const planDates: StarterSource = {
  key: "plan-dates",
  version: "v1.0.0",
  name: "Plan recurring dates",
  description: "The dates of a series, a month or another unit apart, with the day of the week of each.",
  category: "dates",
  tags: ["calendar", "schedule", "loop"],
  isFeatured: false,
  placeholders: [
    {
      name: "unit",
      title: "Time between two dates",
      type: "string",
      options: ["days", "weeks", "months", "quarters", "years"],
      targets: [{ nodeId: "add", path: "config.amounts[0].unit" }],
    },
    {
      name: "zone",
      title: "Time zone",
      type: "string",
      targets: [
        { nodeId: "add", path: "config.zone" },
        { nodeId: "write", path: "config.zone" },
      ],
    },
    {
      name: "format",
      title: "How a date is written",
      type: "string",
      targets: [{ nodeId: "write", path: "config.format" }],
    },
  ],
  exampleInput: { first: "2028-01-31", count: 3 },
  workflows: [
    {
      externalId: "main",
      name: "Plan recurring dates",
      canvas: draw(
        [
          start(field("first", "string", { description: "The first date" }), field("count", "integer")),
          node(
            "series",
            "loop",
            "Each date",
            { mode: "count", count: { input: "count" }, collect: [{ name: "dates", ref: "write.output" }] },
            [ref("count", "start.count"), ref("first", "start.first")],
            {
              body: draw(
                [
                  node(
                    "add",
                    "date_time",
                    "Later by so much",
                    { operation: "add", zone: "UTC", amounts: [{ unit: "months", amount: { input: "index" } }] },
                    [ref("date", "series.first"), ref("index", "series.index")],
                  ),
                  node(
                    "write",
                    "date_time",
                    "As text",
                    { operation: "format", zone: "UTC", format: "yyyy-MM-dd, cccc" },
                    [ref("date", "add.output")],
                  ),
                ],
                "series>add>write>series",
              ),
            },
          ),
          end(ref("dates", "series.dates"), computed("last", "series.dates[-1]")),
        ],
        "start>series>end",
      ),
    },
  ],
};
