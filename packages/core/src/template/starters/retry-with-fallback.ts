import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

const PROGRAM = `export default async ({ params }) => {
  const prices = JSON.parse(params.answer);
  if (typeof prices.price !== "number") throw new Error("the answer has no price");
  return { price: prices.price };
};
`;

export const retryWithFallback: StarterSource = {
  key: "retry-with-fallback",
  version: "v1.0.0",
  name: "Try again, then fall back",
  description: "Tries a step that may fail several times with growing pauses, and goes on with a stand-in after that.",
  category: "control-flow",
  tags: ["retry", "errors", "fallback"],
  isFeatured: false,
  placeholders: [
    {
      name: "retries",
      title: "Further tries",
      type: "integer",
      targets: [{ nodeId: "attempt", path: "onError.retries" }],
    },
    {
      name: "delayMs",
      title: "Milliseconds before the second try",
      type: "integer",
      targets: [{ nodeId: "attempt", path: "onError.delayMs" }],
    },
    {
      name: "standIn",
      title: "Price that stands in",
      type: "number",
      targets: [{ nodeId: "standIn", path: "config.fields[0].value" }],
    },
  ],
  exampleInput: { answer: "<html>busy</html>" },
  workflows: [
    {
      externalId: "main",
      name: "Try again, then fall back",
      canvas: draw(
        [
          start(field("answer", "string", { description: "What a service answered: JSON with a price" })),
          node(
            "attempt",
            "code",
            "Read the price",
            { language: "javascript", code: PROGRAM },
            [ref("answer", "start.answer")],
            {
              outputs: [field("price", "number")],
              onError: { strategy: "branch", retries: 2, delayMs: 50, backoffRate: 2 },
            },
          ),
          node("found", "set_fields", "As it is", { fields: [{ path: "price", input: "price" }] }, [
            ref("price", "attempt.price"),
          ]),
          node("standIn", "set_fields", "Stand-in", { fields: [{ path: "price", value: 0 }] }),
          node(
            "price",
            "variable_aggregator",
            "The price",
            { groups: [{ name: "value", inputs: ["found", "standIn"] }] },
            [ref("found", "found.output.price"), ref("standIn", "standIn.output.price")],
          ),
          end(ref("price", "price.value"), ref("isCertain", "attempt.isSuccess")),
        ],
        "start>attempt>found>price>end",
        "attempt:branch_error>standIn>price",
      ),
    },
  ],
};
